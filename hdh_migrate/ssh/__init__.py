"""SSH to a machine whose key is pinned: nothing is learnt, nothing old is agreed on.

Whoever needs it (a pointer on another machine, an SFTP source) gets a connection that is logged in
at the right machine, or a refusal before any login was tried.
"""
