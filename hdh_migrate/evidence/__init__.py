"""What is left behind for auditors: records, statement, signature, bundle and readable report.

The package takes plain data (`facts.Facts` and streams of mappings) and writes a folder. It knows
no ledger, no store and no terminal. Start reading at `bundle.write_bundle`.
"""
