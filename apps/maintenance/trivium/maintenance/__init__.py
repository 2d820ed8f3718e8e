"""From sensor batches to a warning an engineer trusts: remaining life, failure risk, inspection."""
