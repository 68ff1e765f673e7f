"""The pages in a real browser: Debian's Chromium, headless.

Every page of a test may ask for nothing but itself, and may not complain on its console.
"""

import itertools
import json
from contextlib import contextmanager

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import chromium
from support import TESTS
from support.commands import run
from support.journals import as_file, balance, journal, many, report, request, view_of

from conformance.report import report_html
from mockservers.html_report.render import compare_page, run_page

pytestmark = pytest.mark.slow

CODES = ["BR", "CN", "DE"]
HOSTILE = "</script><script>window.broken = 1</script><img src=x onerror='window.broken = 2'>\u202e"
INTERACTIVE_S = 3.0


@pytest.fixture(scope="module")  # its event loop runs in this thread, and no other may then
def browser():
    with chromium.launched() as started:
        yield started


@pytest.fixture
def opened(browser, tmp_path):
    """Open HTML as a file from disk, at a width, in a colour scheme."""
    numbers = itertools.count()

    @contextmanager
    def open_page(html, *, width=1200, scheme="light", refused=None, **context):
        file = tmp_path / f"{next(numbers)}.html"
        file.write_text(html, encoding="utf-8", errors="backslashreplace")
        complaints = []
        session = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, **context
        )
        page = session.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(dialog.message))
        page.on(
            "request",
            lambda asked: (
                complaints.append(asked.url)
                if asked.url != file.as_uri() and not asked.url.startswith("data:")
                else None
            ),
        )
        page.goto(file.as_uri())
        yield page
        session.close()
        assert [text for text in complaints if not (refused and refused in text)] == []

    return open_page


def page_of(lines):
    return run_page(view_of(balance(lines), lines))


def balanced():
    entries = [
        request(1, "BR", 10.0, 10.5, first_byte_s=10.4, delay_s=0.4),
        request(2, "CN", 10.1, 10.2, status=404, in_flight=2),
        request(3, "DE", 10.2, 10.9, do="status", status=503, in_flight=2),
    ]
    told = ["BR OK", "CN not found", "*** Error for DE: HTTP 503 - Service Unavailable"]
    return journal(CODES, entries, report(CODES, 2, 1, not_found=1, errors=1, told=told))


def lossy():
    lines = balanced()
    told = report(CODES, 2, 1, not_found=1, told=["BR OK", "CN not found"])
    lines[-1] = journal(CODES, lines[1:-1], told)[-1]
    return lines


def empty():
    return journal(CODES, [], [])


def hostile():
    entries = [
        request(1, "BR", 0.1, 0.2) | {"path": f"/flags/{HOSTILE}", "do": HOSTILE, "code": None},
        request(2, HOSTILE, 0.1, 0.2, do="status", status=503),
    ]
    lines = journal([HOSTILE], entries, report(["BR"], 2, 1), command=["sh", "-c", HOSTILE])
    lines[0] |= {"dest": HOSTILE, "plans": {HOSTILE: {"plan": 1, "seed": 1}, "LOCAL": {"plan": 1}}}
    lines[-1]["claims"]["label"] = HOSTILE
    return lines


def failing_report():
    """A report of the kit, with what the servers saw of its first failure."""
    file = TESTS / "conformance/reports/failing.json"
    report = json.loads(file.read_text(encoding="utf-8"))
    entries = balanced()[1:-1]
    for entry in entries:
        entry["start_s"], entry["end_s"] = entry["start_s"] + 100, entry["end_s"] + 100
    report["failures"][0] |= {"journal": entries, "books": [{"code": "DE", "word": "lost"}]}
    return report


PAGES = {
    "balanced": lambda: page_of(balanced()),
    "lossy": lambda: page_of(lossy()),
    "empty": lambda: page_of(empty()),
    "two": lambda: compare_page(
        [view_of(balance(lines), lines) for lines in (balanced(), lossy())], ["A", "B"]
    ),
    "hostile": lambda: page_of(hostile()),
    "conformance": lambda: report_html(failing_report()),
}


def colours(page, selector):
    """How many colours a canvas has."""
    return page.evaluate(
        """selector => {
            const canvas = document.querySelector(selector);
            const { width, height } = canvas;
            const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
            return new Set(new Uint32Array(data.buffer)).size;
        }""",
        selector,
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_serious(opened, name, scheme):
    with opened(PAGES[name](), scheme=scheme, width=1000) as page:
        found = Axe().run(page).response["violations"]
        grave = [one for one in found if one["impact"] in ("serious", "critical")]
        assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in grave] == []


@pytest.mark.parametrize("width", [360, 1200])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_as_wide_as_its_window(opened, name, width):
    with opened(PAGES[name](), width=width) as page:
        assert page.evaluate("document.scrollingElement.scrollWidth") <= width


def test_the_loss_is_the_first_thing_one_sees(opened):
    with opened(PAGES["lossy"]()) as page:
        assert page.locator("h1").inner_text() == "Not balanced: 1 download is lost: DE."
        assert page.locator("h1").bounding_box()["y"] < 100
        assert page.title().startswith("Not balanced: 1 download is lost")
        assert page.locator("tbody tr").first.inner_text().startswith("DE\tlost")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_charts_are_drawn(opened, scheme):
    with opened(PAGES["balanced"](), scheme=scheme) as page:
        assert colours(page, ".timeline canvas") > 8
        assert colours(page, ".flight canvas") > 3
        assert colours(page, ".swatch") == 1
        assert page.locator(".legend li").all_text_contents() == [
            " serve: 1", " not found: 1", " error status: 1",
        ]  # fmt: skip


def window(page):
    """The span of time that the timeline shows."""
    return page.locator(".timeline").evaluate("one => [+one.dataset.from, +one.dataset.to]")


def test_the_time_is_zoomed_by_button_key_and_pointer(opened):
    with opened(PAGES["balanced"]()) as page:
        assert window(page) == [0, pytest.approx(0.9)]
        page.get_by_role("button", name="Zoom in").click()
        assert window(page) == [pytest.approx(0.225), pytest.approx(0.675)]
        page.get_by_role("button", name="Zoom out").click()
        assert window(page) == [0, pytest.approx(0.9)]
        page.locator(".timeline").focus()
        page.keyboard.press("+")
        assert window(page) == [pytest.approx(0.225), pytest.approx(0.675)]
        page.keyboard.press("0")
        box = page.locator(".timeline .u-over").bounding_box()
        middle = box["y"] + box["height"] / 2
        page.mouse.move(box["x"] + box["width"] / 3, middle)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 2 / 3, middle, steps=5)
        page.mouse.up()
        assert window(page) == [pytest.approx(0.3, abs=0.01), pytest.approx(0.6, abs=0.01)]
        page.mouse.dblclick(box["x"] + 50, middle)
        assert window(page) == [0, pytest.approx(0.9)]


def test_a_bar_tells_its_entry_to_pointer_and_keys(opened):
    with opened(PAGES["balanced"]()) as page:
        box = page.locator(".timeline .u-over").bounding_box()
        page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + 3)
        card = page.locator(".card")
        assert card.inner_text().startswith("BR, request")
        box, screen = card.bounding_box(), page.viewport_size
        assert 0 <= box["x"] <= screen["width"] - box["width"]
        assert 0 <= box["y"] <= screen["height"] - box["height"]
        page.locator(".entry summary").click()
        assert "sha256" in page.locator(".entry pre").inner_text()
        page.locator(".timeline").focus()
        for code in ("BR", "CN"):
            page.keyboard.press("ArrowRight")
            assert card.inner_text().startswith(f"{code}, request")
        page.keyboard.press("Escape")
        assert card.is_hidden()


def test_a_bar_tells_its_entry_to_a_finger(opened):
    with opened(PAGES["lossy"](), width=390, has_touch=True, is_mobile=True) as page:
        card = page.locator(".card")
        page.get_by_role("button", name="Next that does not balance").tap()
        assert card.inner_text().startswith("DE, request")
        page.get_by_role("button", name="Zoom in").tap()
        assert card.is_visible(), "it zooms in on the chosen bar"
        page.locator("h1").tap()
        assert card.is_hidden()
        page.get_by_role("button", name="Show all").tap()
        page.locator(".timeline .u-over").tap(position={"x": 50, "y": 3})
        assert card.is_visible()


def test_the_table_is_sorted_and_filtered(opened):
    with opened(PAGES["lossy"]()) as page:

        def shown():
            return [
                row.split("\t")[0] for row in page.locator("tbody tr:visible").all_inner_texts()
            ]

        assert shown() == ["DE", "BR", "CN"]
        header = page.get_by_role("columnheader", name="code")
        header.get_by_role("button").click()
        assert shown() == ["BR", "CN", "DE"]
        assert header.get_attribute("aria-sort") == "ascending"
        header.get_by_role("button").press("Enter")
        assert shown() == ["DE", "CN", "BR"]
        page.get_by_role("searchbox").fill("not found")
        assert shown() == ["CN"]
        assert page.get_by_text("1 of 3").is_visible()
        page.get_by_role("searchbox").fill("")
        page.get_by_label("only what does not balance").check()
        assert shown() == ["DE"]


def test_a_hostile_journal_runs_no_script(opened):
    with opened(PAGES["hostile"]()) as page:
        page.wait_for_timeout(100)
        assert page.evaluate("window.broken") is None
        assert page.locator("img[src=x]").count() == 0
        page.locator(".timeline").focus()
        page.keyboard.press("ArrowRight")
        assert "onerror" in page.locator(".card").inner_text()
        assert page.locator("script").count() == 3


def test_no_script_from_outside_could_run(opened):
    with opened(PAGES["balanced"](), refused="Content Security Policy") as page:
        with page.expect_console_message() as refused:
            page.evaluate(
                "document.body.append(Object.assign(document.createElement('script'),"
                " {textContent: 'window.broken = 1'}))"
            )
        assert "Content Security Policy" in refused.value.text
        assert page.evaluate("window.broken") is None


def test_all_but_the_charts_can_be_read_without_scripts(opened):
    with opened(PAGES["lossy"](), java_script_enabled=False) as page:
        assert page.locator("tbody tr").count() == 3
        assert "HTTP" not in page.locator("h1").inner_text()
        page.get_by_text("The plans").click()
        assert page.get_by_text("Plan of ERROR").is_visible()


def test_the_plan_and_the_command_can_be_copied(opened):
    with opened(PAGES["balanced"](), permissions=["clipboard-read", "clipboard-write"]) as page:
        page.get_by_role("button", name="Copy").first.click()
        page.get_by_text("Copied").wait_for()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied.endswith(
            "mockservers run --plan ERROR=replay-error.json -- flags2-threadpool"
        )


def test_on_paper_there_are_no_controls(opened):
    with opened(PAGES["balanced"](), scheme="dark") as page:
        page.emulate_media(media="print")
        assert not page.get_by_role("button", name="Zoom in").is_visible()
        assert not page.get_by_role("searchbox").is_visible()
        assert page.locator("table").is_visible()
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert page.locator(".timeline").bounding_box()["width"] <= 704, "as wide as a sheet of A4"
        ink = page.evaluate("getComputedStyle(document.body).color")
        assert ink == "rgb(27, 27, 31)", "dark, also where the screen is"


def test_two_runs_have_one_scale_of_time(opened):
    with opened(PAGES["two"](), width=1400) as page:
        page.get_by_role("button", name="Zoom in").first.click()
        spans = page.locator(".timeline").evaluate_all("all => all.map(one => one.dataset.to)")
        assert len(set(spans)) == 1
        assert len(spans) == 2
        first, second = (one.bounding_box() for one in page.locator(".run").all())
        assert (first["x"], first["width"]) == (second["x"], second["width"])
        assert page.locator("#codes tbody tr").first.inner_text().startswith("DE")


def test_a_failure_of_the_kit_has_its_timeline(opened):
    with opened(PAGES["conformance"]()) as page:
        first = page.locator("#run0")
        assert colours(page, "#run0 .timeline canvas") > 8
        first.locator(".timeline").focus()
        page.keyboard.press("ArrowRight")
        assert first.locator(".card").inner_text().startswith("BR")
        assert window(page) == [0, pytest.approx(0.9)]


def test_twenty_thousand_requests_do_not_freeze_it(opened):
    entries = list(many(20_000))
    codes = sorted({entry["code"] for entry in entries})
    html = page_of(journal(codes, entries, report(codes, 40, 0)))
    quickest_s = min(seconds_until_zoomed(opened, html) for _ in range(3))
    assert quickest_s < INTERACTIVE_S


def seconds_until_zoomed(opened, html):
    """From the start of loading until a key was answered on the screen."""
    with opened(html) as page:
        page.locator(".timeline").focus()
        page.keyboard.press("+")
        return page.evaluate(
            "new Promise(done => requestAnimationFrame(() => requestAnimationFrame("
            "() => done(performance.now() / 1000))))"
        )


def test_the_commands_write_such_pages(opened, tmp_path):
    done = run(
        "mockservers", "run", "--ports", "auto", "--journal", "a.jsonl", "--html", "a.html",
        "--", "flags2-asyncio", "-s", "LOCAL", "BR", "ZZ", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    as_file(tmp_path / "b.jsonl", lossy())
    done = run("mockservers", "ledger", "b.jsonl", "--html", "b.html", cwd=tmp_path)
    assert done.returncode == 1
    done = run("mockservers", "compare", "a.jsonl", "b.jsonl", "--html", "c.html", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")
    for name, says in [("a", "The books balance"), ("b", "Not balanced"), ("c", "2 runs")]:
        with opened((tmp_path / f"{name}.html").read_text(encoding="utf-8")) as page:
            assert page.locator("h1").inner_text().startswith(says)
            assert colours(page, ".timeline canvas") > 3
            assert page.locator(".flag").count() == (1 if name == "a" else 1 if name == "b" else 0)
