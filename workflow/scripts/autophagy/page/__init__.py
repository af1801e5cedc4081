"""The page results/<experiment>/report.html: what happened, for a newcomer, and what lies behind.

`asked` is what a rule hands over. `gather` reads a finished experiment into plain values, with
`story` for the words, `sprites` for the pictures and `charts` for the plots; `theory` does so for
the exact loops. `render` makes one HTML file of them with the files in assets/.
"""
