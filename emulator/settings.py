"""What the emulator is told when it starts."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The demo account's values; the command line and EMULATOR_* override each of them."""

    host: str = "127.0.0.1"
    port: int = 8100
    callback: str = "http://127.0.0.1:8000/hooks/whatsapp/demo"
    app_secret: str = "demo-app-secret"  # noqa: S105  the demo's own, published in its README
    access_token: str = "demo-access-token"  # noqa: S105  as above
    phone_number_id: str = "106540000000940"
    display_phone_number: str = "966112345678"
    number: tuple[str, ...] = ()  # more numbers, each as ID=DISPLAY
    verify_token: str = "demo-verify-token"  # noqa: S105  as above
    account_id: str = "104857600000001"
    app_id: str = "102030405060708"
    business_name: str = "أمانة المنطقة الشرقية"
    business_name_en: str = "Eastern Province Municipality"
    # The gateways of text messages, and where each reports; empty: nowhere.
    sms_key: str = "demo-sms-key"
    unifonic_callback: str = ""
    taqnyat_callback: str = ""
    # The mail server; port 0: none.
    smtp_port: int = 0
    imap_port: int = 0
    mail_password: str = "demo-mail-password"  # noqa: S105  as above
    public_url: str = ""
    data_dir: Path | None = None

    @property
    def base_url(self) -> str:
        """Where the business reaches the emulator."""
        return self.public_url or f"http://{self.host}:{self.port}"


@dataclass(kw_only=True)
class Options:
    """What a test or the phone page may change while the emulator runs."""

    auto_read: bool = False
    pair_limit: bool = True
    portfolio_limit: bool = True
    throughput_per_s: float = 80
    throughput_burst: float = 0
    answer_ms: float = 0
    answer_jitter_ms: float = 0
    status_delay_ms: float = 150
    retry_pause_ms: float = 500
    review_ms: float = 3000
    webhook_batch: float = 1
    webhook_batch_ms: float = 50


LARGEST_BATCH = 1000
# What an option means, for `--help`; the provider documents up to 1,000 updates in one webhook.
MEANINGS = {
    "auto_read": "messages are read on arrival",
    "pair_limit": "the limit for one person: 45 at once, then one every 6 s",
    "portfolio_limit": "the limit of people reached outside their window in 24 hours, by the tier",
    "throughput_per_s": "messages a second for the number; 0: no limit",
    "throughput_burst": "messages at once, then one by one; 0: as many as in one second",
    "answer_ms": "how long the answer to a send takes",
    "answer_jitter_ms": "how much shorter or longer than that, evenly drawn",
    "status_delay_ms": "from one status to the next",
    "retry_pause_ms": "before a webhook is tried again, doubling each time",
    "review_ms": "how long the review of a template takes; 0: none at all",
    "webhook_batch": "statuses in one webhook, at most",
    "webhook_batch_ms": "how long statuses are gathered for one webhook",
}
