"""How a job is made to do its work a second time; see `sitecustomize`."""
