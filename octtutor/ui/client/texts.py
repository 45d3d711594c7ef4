"""What the page says where its client does not come, in English."""

CLIENT: dict[str, str] = {
    "lost": "A part of this page could not be loaded. Check the network, then reload the page.",
}
