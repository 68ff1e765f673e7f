"""The spec as a program: a judge for implementations in any language.

Each module imports only modules before it in this list, which is also the order to read them in:

- input: `json_input`
- what is promised, and what becomes of it: `clauses` `verdicts` `known_failures` `recording`
- what is tested: `cases.command_line` `cases.model` `cases.build` `cases.arguments`
  `cases.fixed` `cases.generated`
- what is wrong with a recorded run: `checks.printed_lines` `checks.interpret` `checks.requests`
  `checks.patience` `checks.ending` `checks.expansion` `checks.announcement` `checks.accounting`
  `checks.report_format` `checks.concurrency` `checks.freedoms` `checks.judge`
- what is reported: `evidence_table` `report_model`
- running programs: `process_tree` `program_runner` `smoke` `shrink` `worker` `scheduler`
  `dask_executor`
- functions tested over a pipe: `adapter.answer` `adapter.cases` `adapter.generated`
  `adapter.primes` `adapter.fates` `adapter.checks` `adapter.report_model` `adapter.process`
  `adapter.session`
- what is printed: `report_text`
- any command that downloads: `download.clauses` `download.content` `download.recording`
  `download.pages` `download.met` `download.situations` `download.resuming` `download.story`
  `download.judge` `download.runner` `download.suite` `download.report` `download.command`
- the command: `vectors` `report` `commands` `cli` `__main__`
"""
