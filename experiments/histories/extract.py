#!/usr/bin/env python3
"""extract.py REPOSITORY [NEWEST]: what each commit of a C or C++ project did to its sources, as facts.

One JSON object a line, first-parent commits, oldest first (only the NEWEST so many, if that is given); the first line holds the whole
tree as it was before.

  {"n": 17, "t": 1300000000, "files": {"src/a.cc": ["<content>", "<code>", bytes, ["a.h", "<vector>"]], "src/gone.h": null}}

content: a hash of the bytes; code: a hash of the same without comments, and with all space as one (line ends, too: the number of a line,
which `assert` writes, is not in it); then the size, and what is included, as written. No text of the project is in it.
"""
import json
import re
import subprocess
import sys
from hashlib import blake2b

SOURCES = ('.c', '.cc', '.cpp', '.cxx', '.h', '.hh', '.hpp', '.inl')
TOKEN = re.compile(rb'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|//[^\n]*|/\*.*?\*/|\s+', re.S)
INCLUDE = re.compile(rb'^[ \t]*#[ \t]*include[ \t]*([<"][^>"\n]+[>"])', re.M)

repository = sys.argv[1]
newest = int(sys.argv[2]) if len(sys.argv) > 2 else 10**9


def git(*arguments):
    return subprocess.run(['git', '-C', repository, *arguments], capture_output=True, check=True).stdout


def lines(*arguments):
    return git(*arguments).decode('utf-8', 'replace').splitlines()


def digest(data):
    return blake2b(data, digest_size=6).hexdigest()


def code(data):
    def plain(token):
        text = token.group()
        if text[:1] in b'"\'':
            return text
        return b'' if text[:1] == b'/' else b' '
    return re.sub(rb' +', b' ', TOKEN.sub(plain, data))


blobs = subprocess.Popen(['git', '-C', repository, 'cat-file', '--batch'], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
known = {}


def facts(blob):
    if blob not in known:
        blobs.stdin.write(blob.encode() + b'\n')
        blobs.stdin.flush()
        head = blobs.stdout.readline().split()
        if len(head) < 3:
            known[blob] = None
            return None
        data = blobs.stdout.read(int(head[2]))
        blobs.stdout.read(1)
        includes = [include.decode('utf-8', 'replace').strip('"') for include in INCLUDE.findall(data)]
        known[blob] = [digest(data), digest(code(data)), len(data), includes]
    return known[blob]


def say(number, commit, files):
    time = int(git('show', '-s', '--format=%ct', commit))
    print(json.dumps({'n': number, 't': time, 'files': files}, separators=(',', ':')))


commits = git('rev-list', '--first-parent', '--reverse', 'HEAD').decode().split()[-newest - 1:]
tree = {}
for line in lines('ls-tree', '-r', commits[0]):
    meta, path = line.split('\t', 1)
    if path.endswith(SOURCES) and meta.split()[1] == 'blob':
        tree[path] = facts(meta.split()[2])
say(0, commits[0], tree)
for number, commit in enumerate(commits[1:], 1):
    files = {}
    for line in lines('diff-tree', '-r', '--no-renames', '--raw', '--no-abbrev', commits[number - 1], commit):
        meta, path = line.split('\t', 1)
        _, mode, _, blob, status = meta.split()
        if path.endswith(SOURCES) and status == 'D':
            files[path] = None
        elif path.endswith(SOURCES) and mode.startswith('100'):
            files[path] = facts(blob)
    if files:
        say(number, commit, files)
