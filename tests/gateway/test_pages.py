import re
from pathlib import Path

import pytest

from tests.gateway.fakes import gateway

STATIC = Path(__file__).parents[2] / "gateway" / "static"


@pytest.mark.parametrize("path", ["/", "/docs"])
async def test_a_page_and_everything_it_needs_are_served_by_the_gateway_itself(path: str) -> None:
    async with gateway() as door:
        page = await door.http.get(path)
        assert page.headers["content-type"].startswith("text/html")
        assert "default-src 'self'" in page.headers["content-security-policy"]
        needed = re.findall(r'(?:src|href)="([^"#]+)"', page.text)
        assert any(name.endswith(".css") for name in needed)
        assert any(name.endswith(".js") for name in needed)
        for name in needed:
            assert name.startswith("/"), f"{name} is not ours"
            if name.startswith("/static/"):
                assert (await door.http.get(name)).status_code == 200, name


@pytest.mark.parametrize("file", sorted(STATIC.iterdir()), ids=lambda file: file.name)
def test_no_page_asks_anybody_else_for_anything(file: Path) -> None:
    text = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?://|//cdn|@import", text)


async def test_files_outside_the_pages_cannot_be_had() -> None:
    async with gateway() as door:
        for path in ("/static/../settings.py", "/static/%2e%2e/settings.py", "/static/nothing.js"):
            assert (await door.http.get(path)).status_code == 404
