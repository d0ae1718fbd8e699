"""The report for people, in French and English, made from a bundle alone.

`html.render_report` fills `templates/report.html`: with what `stated.py` shows of the statement,
with what the journal tells (`chronicle.py`), and with what `subjects.py` shows of both, for which
each subject has a file. Sentences stand in files by subject, too; `catalogue.py` joins them,
`page_words.py` says them. `pages.py` makes the pages of a bundle again and compares.
"""
