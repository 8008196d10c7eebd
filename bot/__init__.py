"""The process: settings, database, jobs, HTTP and Socket Mode, the command line. Everything is wired here."""
