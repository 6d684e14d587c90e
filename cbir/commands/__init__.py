"""The faces, one file a command: printing, arguments and exit codes are here, nowhere below."""
