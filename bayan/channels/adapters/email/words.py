"""The words of a letter: its text or its HTML as text, without what it quotes."""

from __future__ import annotations

import re
from email.message import EmailMessage, MIMEPart
from html.parser import HTMLParser

LONGEST = 20_000
MOST_HTML = 400_000
# Where the answer ends and the letter that it answers begins, as mail programs write it.
QUOTE_BEGINS = re.compile(
    r"^\s*(?:"
    r"-{2,}\s*(?:original message|forwarded message|الرسالة الأصلية|رسالة أصلية|رسالة معاد توجيهها)\s*-{2,}"
    r"|on\s.{5,200}\swrote:"
    r"|(?:في|بتاريخ)\s.{3,200}\s(?:كتب|كتبت)\b.{0,120}[:：]"
    r"|_{10,}"
    r")\s*$",
    re.IGNORECASE,
)
HEADER_BLOCK = re.compile(r"^\s*(?:from|sent|من|المرسل|تاريخ الإرسال)\s*:\s*\S", re.IGNORECASE)
SIGNATURE = re.compile(r"^-- ?$")
BLOCKS = {"p", "div", "br", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "table", "ul", "ol"}
UNSEEN = {"script", "style", "head", "title", "template", "blockquote", "noscript", "svg"}


class _Text(HTMLParser):
    """What a reader would see of a page, line by line; of a script nothing."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in UNSEEN:
            self._unseen += 1
        elif tag in BLOCKS:
            self.pieces.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in UNSEEN:
            self._unseen = max(0, self._unseen - 1)
        elif tag in BLOCKS:
            self.pieces.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.pieces.append(re.sub(r"\s+", " ", data))


def of(message: EmailMessage) -> str:
    """What the letter says, without what it quotes; empty where it says nothing."""
    plain = message.get_body(("plain",))
    if plain is not None and (text := content_of(plain)).strip():
        return unquoted(text)
    page = message.get_body(("html",))
    return unquoted(from_html(content_of(page))) if page is not None else ""


def content_of(part: MIMEPart) -> str:
    """A part's text, whatever it says of its letters."""
    raw = part.get_payload(decode=True)
    if not isinstance(raw, bytes):
        return ""
    charset = str(part.get_content_charset() or "utf-8")
    try:
        return raw[:MOST_HTML].decode(charset, "replace")
    except LookupError:
        return raw[:MOST_HTML].decode("utf-8", "replace")


def from_html(page: str) -> str:
    """The text of a page."""
    parser = _Text()
    parser.feed(page[:MOST_HTML])
    parser.close()
    return "".join(parser.pieces)


def unquoted(text: str) -> str:
    """The text up to the letter that it answers, or the whole where nothing stands before it."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    kept: list[str] = []
    for number, line in enumerate(lines):
        # Some programs break the line that names who wrote.
        joined = f"{line} {lines[number + 1]}" if number + 1 < len(lines) else line
        if QUOTE_BEGINS.match(line) or QUOTE_BEGINS.match(joined) or SIGNATURE.match(line):
            break
        if HEADER_BLOCK.match(line) and number and not lines[number - 1].strip():
            following = lines[number + 1 : number + 4]
            if sum(bool(re.match(r"^\s*[\w ]{2,20}\s*:", each)) for each in following) >= 2:
                break
        if not line.lstrip().startswith(">"):
            kept.append(line.strip())
    tidy = re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()
    whole = re.sub(r"\n{3,}", "\n\n", "\n".join(line.strip() for line in lines)).strip()
    return (tidy or whole)[:LONGEST]
