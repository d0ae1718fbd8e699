"""Move what is listed: intents, orders, receipts, and what earlier runs left at the target."""
