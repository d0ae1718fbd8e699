"""The report for people, in French and English, made from a bundle alone.

`html.render_report` fills `templates/report.html` with what `stated.py` reads of the statement and
`chronicle.py` of the journal, and with what a file for each section makes of both. The sentences
stand in files by subject, `catalogue.py` joins them, `page_words.py` says them. `pages.py` makes
the pages of a bundle again and compares.
"""
