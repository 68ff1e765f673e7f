"""One test for all rows of a table: an item of pytest costs more than a row of most tables."""

import inspect

from _pytest.mark import ParameterSet


def values_of(row, count):
    """The values of a row, which may be a `pytest.param`."""
    if isinstance(row, ParameterSet):
        return row.values
    return row if count > 1 else [row]


def each(names, rows):
    """Like `pytest.mark.parametrize`, in one item; all rows that fail are shown.

    For tables of values that are quick to check; fixtures are shared by the rows.
    """
    names = [names] if isinstance(names, str) else list(names)
    rows = [values_of(row, len(names)) for row in rows]
    assert rows

    def decorate(test):
        def check_rows(**fixtures):
            failed = []
            for row in rows:
                values = dict(zip(names, row, strict=True))
                try:
                    test(**fixtures, **values)
                except Exception as exc:
                    exc.add_note(f"in the row {values}")
                    failed.append(exc)
            if failed:
                raise ExceptionGroup(f"{len(failed)} of {len(rows)} rows", failed)

        signature = inspect.signature(test)
        fixtures = [p for p in signature.parameters.values() if p.name not in names]
        check_rows.__signature__ = signature.replace(parameters=fixtures)
        for name in ("__name__", "__doc__", "__module__", "__qualname__"):
            setattr(check_rows, name, getattr(test, name))
        return check_rows

    return decorate
