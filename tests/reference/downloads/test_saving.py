"""What cannot be saved is an error of its code, and nothing is left half-written."""

import errno
import os
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.commands import mockservers_run
from support.downloaders import DOWNLOADERS, run_main, workplace
from support.examples import examples
from support.raw_responses import CLEAN, CODES, serving

from mockservers.flags2.output import claims_of
from reference import flags2_common


def download(downloader, prepare):
    with serving(CLEAN) as base_url, workplace({"LOCAL": base_url}) as folder:
        prepare(folder)
        stdout = run_main(downloader, ["program", "-v", *CODES])
        left = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    return claims_of(stdout.splitlines()), left


@pytest.mark.parametrize("downloader", DOWNLOADERS)
def test_where_no_folder_can_be_made_every_code_is_an_error(downloader):
    claims, _ = download(downloader, lambda folder: folder.write_text("a file, not a folder"))
    assert claims.totals == {"ok": 0, "not_found": 0, "error": 5, "interrupted": 0}


@pytest.mark.parametrize("downloader", DOWNLOADERS)
def test_a_folder_in_the_place_of_a_file_is_an_error_of_that_code(downloader):
    claims, left = download(downloader, lambda folder: (folder / "br.gif").mkdir(parents=True))
    assert claims.totals == {"ok": 4, "not_found": 0, "error": 1, "interrupted": 0}
    assert claims.outcomes["BR"] == {"error": 1}
    assert left == sorted(f"{code.lower()}.gif" for code in CODES)


@pytest.mark.parametrize("downloader", DOWNLOADERS)
def test_a_disk_without_room_leaves_no_partial_file(downloader):
    def write_half(path, data):
        with path.open("wb") as file:
            file.write(data[: len(data) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    with mock.patch.object(Path, "write_bytes", write_half):
        claims, left = download(downloader, lambda folder: None)
    assert claims.totals == {"ok": 0, "not_found": 0, "error": 5, "interrupted": 0}
    assert left == []


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="limits the size of files as POSIX systems can")
@pytest.mark.parametrize("command", ["flags2-threadpool", "flags2-asyncio"])
def test_a_real_limit_of_room_is_accounted_for(command, tmp_path):
    # `tox -e coverage` measures children too, and needs room for that.
    limited = (
        f"import resource, os; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)); "
        f"[os.unsetenv(name) for name in os.environ if name.startswith('COVERAGE')]; "
        f"os.execvp({command!r}, [{command!r}, '-v', 'A'])"
    )
    done, ledger = mockservers_run("python", "-c", limited, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert ledger["balanced"]
    assert "File too large" in done.stdout
    assert "Traceback" not in done.stderr
    left = list((tmp_path / "downloads").iterdir())
    assert all(path.suffix == ".gif" and path.stat().st_size <= 4096 for path in left)


@examples(120)
@given(old=st.none() | st.binary(max_size=50), new=st.binary(max_size=50), fails=st.booleans())
def test_a_file_is_the_old_one_or_the_new_one_never_a_part(old, new, fails):
    def fail(*_):
        raise OSError(errno.ENOSPC, "no room")

    with workplace({}) as folder:
        if old is not None:
            folder.mkdir()
            (folder / "br.gif").write_bytes(old)
        if fails:
            with mock.patch.object(Path, "replace", fail), pytest.raises(OSError, match="no room"):
                flags2_common.save_flag(new, "br.gif")
        else:
            flags2_common.save_flag(new, "br.gif")
        expected = old if fails else new
        left = {path.name: path.read_bytes() for path in folder.iterdir()}
        assert left == ({} if expected is None else {"br.gif": expected})
