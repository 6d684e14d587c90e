import sys

from cbir.__main__ import main

if __name__ == "__main__":
    sys.exit(main(["search", *sys.argv[1:]]))
