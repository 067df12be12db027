"""The batch renderer's command, installed as `flashdepth_batch`: a front end that knows only public names.

Its own imports are relative, since the folder and the installed package have different names.
"""
