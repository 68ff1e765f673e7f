"""`PUT /content`: what is served, and what nobody may have served."""

import base64
import re

import pytest
from support.control_client import Driven, asynchronous
from support.rows import each

from mockservers.content.flag_images import flag
from mockservers.control.content_as_sent import catalogue_as_sent

BODY = base64.b64encode(b"mine").decode()


@asynchronous
async def test_content_is_served_from_the_next_run_on_until_it_is_set_again(tmp_path):
    (tmp_path / "root/inner").mkdir(parents=True)
    (tmp_path / "root/inner/notes.txt").write_bytes(b"in a folder")
    async with Driven(tmp_path, root=tmp_path / "root") as driven:

        async def served(path):
            url = driven.servers.urls["LOCAL"].removesuffix("/flags")
            async with driven.session.get(url + path) as response:
                return await response.read() if response.status == 200 else response.status

        assert await driven.ask("PUT", "/content", {"folder": "inner"}) == (200, {"run": 2})
        assert await served("/notes.txt") == b"in a folder"
        sent = {"resources": {"/a%20b.bin": BODY}}
        assert await driven.ask("PUT", "/content", sent) == (200, {"run": 3})
        await driven.put({"plan": 1, "seed": 4})
        await driven.ask("POST", "/reset")
        assert [await served("/notes.txt"), await served("/%61%20b.bin")] == [404, b"mine"]
        status, _ = await driven.ask("PUT", "/content", {"folder": "nowhere"})
        assert (status, await served("/a%20b.bin")) == (400, b"mine")
        assert await driven.ask("PUT", "/content", {}) == (200, {"run": 6})
        assert (await driven.get("/plan"))["plans"]["LOCAL"]["seed"] == 4
        assert await served("/flags/br/br.gif") == flag("BR")


@each(
    ("body", "said"),
    [
        ("[]", "the body: [] is not an object"),
        ("{", "not JSON: "),
        ('{"root": "x"}', "the body: unknown key 'root'"),
        ('{"folder": 3}', "folder: 3 is not a string"),
        ('{"folder": ".."}', "folder: '..' is not below the folder of --root"),
        ('{"folder": "/etc"}', "folder: '/etc' is not below the folder of --root"),
        ('{"folder": "out"}', "folder: 'out' is not below the folder of --root"),
        ('{"folder": "file"}', "folder: 'file' is not a folder below that of --root"),
        ('{"folder": ".", "resources": {}}', "folder and resources: one of them is enough"),
        ('{"resources": {"/a": "?"}}', "resources./a: '?' is not base64: "),
        ('{"resources": {"/a": 3}}', "resources./a: 3 is not a string"),
        ('{"resources": {"a": ""}}', "content: 'a' is not a path such as "),
    ],
)
def test_what_cannot_be_served_is_named_with_its_place(tmp_path_factory, body, said):
    root = tmp_path_factory.mktemp("top") / "root"
    root.mkdir()
    (root / "out").symlink_to("..")
    (root / "file").touch()
    with pytest.raises(ValueError, match=f"^{re.escape(said)}"):
        catalogue_as_sent(body, root)


def test_without_a_root_there_is_no_folder_to_serve():
    with pytest.raises(ValueError, match="were started without --root FOLDER"):
        catalogue_as_sent('{"folder": "."}', None)
