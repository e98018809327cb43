"""Files: written whole, locked, and read with errors that say what to do.

Open ``atomic_file`` first; ``user_files`` reads what users write.
"""
