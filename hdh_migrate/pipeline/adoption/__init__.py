"""Take over what another ledger moved, on proof."""
