#!/bin/sh
# Checks Holdpoint evidence with tools that nobody at Holdpoint wrote. See --help.
set -u
LC_ALL=C
export LC_ALL
umask 077

usage() {
  cat <<'END'
Usage: check.sh [--keys FILE] [--checkpoint FILE] BUNDLE|FOLDER

Checks evidence with software that Holdpoint's makers did not write. None of Holdpoint's own code is used.

  BUNDLE              what GET /v1/actions/:id/evidence answered
  FOLDER              what `holdpoint evidence export` wrote: every bundle in it, and every line of the log
  --keys FILE         the log's verifier keys as you know them, one a line (<origin>+<id>+<key>). Without this the
                      keys in the bundle are believed, and whoever made the bundle can have put in their own.
  --checkpoint FILE   a checkpoint (signed note) that you kept: is it still the same log? Without this nobody can see
                      that lines were cut off its end, or that all of it was written anew.
  --help              this text

Tools, each used where it is installed and said to be skipped where not:
  ssh-keygen          the SSH signature over the checkpoint
  openssl 3           the Ed25519 signatures of the note
  go                  with golang.org/x/mod/sumdb (Debian: golang-golang-x-mod-dev): note, proofs, growth, chain.
                      AUDIT_GOPATH says where it is, if not in /usr/share/gocode; AUDIT_GOCACHE keeps what it builds.
  node                with @sigstore/verify (npm install @sigstore/verify): proofs
One of jq, python3 and node takes the JSON apart for the first two; AUDIT_JSON says which.

Prints a line a check. Exit code 0: all that ran was ok. 1: something FAILED. 2: it was asked wrongly, or what was asked for
could not be looked at: no tool ran, none that checks signatures, or not go for --checkpoint.
END
}

wrong() {
  printf 'check.sh: %s\nTry check.sh --help\n' "$1" >&2
  exit 2
}

keys='' kept='' given=''
while [ $# -gt 0 ]; do
  case $1 in
    --help | -h) usage; exit 0 ;;
    --keys) [ $# -ge 2 ] || wrong '--keys needs a file'; keys=$2; shift 2 ;;
    --checkpoint) [ $# -ge 2 ] || wrong '--checkpoint needs a file'; kept=$2; shift 2 ;;
    -*) wrong "there is no option $1" ;;
    *) [ -z "$given" ] || wrong 'give one bundle or one folder'; given=$1; shift ;;
  esac
done
[ -n "$given" ] || wrong 'give a bundle or a folder'
[ -e "$given" ] || wrong "there is no $given"
[ -z "$keys" ] || [ -r "$keys" ] || wrong "there is no $keys"
[ -z "$keys" ] || grep -q '[^[:space:]]' "$keys" || wrong "there is no key in $keys"
[ -z "$kept" ] || [ -r "$kept" ] || wrong "there is no $kept"

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
report=$work/report
: >"$report"

# What stands in a bundle is not ours to print as it is: only what is plainly text reaches the terminal.
say() { printf '%s\n' "$*" | tr -cd '[:print:]\n' | tee -a "$report"; }
ok() { say "ok      $*"; }
failed() { say "FAILED  $*"; }
skipped() { say "skipped $*"; }
has() { command -v "$1" >/dev/null 2>&1; }
unbase64() { if has base64; then base64 -d; else openssl base64 -d -A; fi 2>/dev/null; }
base64_line() { if has base64; then base64 | tr -d '\n'; else openssl base64 -A; fi; }

# Every bundle, one path a line.
if [ -d "$given" ]; then
  find "$given" -type f -name '*.json' -exec grep -l '"holdpoint-evidence/1"' {} + | sort >"$work/bundles"
  [ -s "$work/bundles" ] || wrong "no bundle is in $given"
else
  printf '%s\n' "$given" >"$work/bundles"
fi

# One that is there and does not run, as a wrapper of a version that was removed, must not make evidence look bad.
reads_json() {
  case $1 in
    jq) jq -n 1 ;;
    python3) python3 -c 'import base64, json, sys' ;;
    node) node -e 0 ;;
    *) false ;;
  esac >/dev/null 2>&1
}

# Takes a bundle apart: a line a part, its name and its base64.
take_apart() {
  case $json in
    jq) jq -r '.log as $l | ("note " + ($l.checkpoint.note | @base64)), ($l.checkpoint.ssh[] | "ssh " + @base64),
          ($l.keys[] | "vkey " + (.vkey | @base64)), ($l.keys[] | "sshkey " + (.ssh | @base64))' "$1" ;;
    python3) python3 -c '
import base64, json, sys
log = json.load(open(sys.argv[1], encoding="utf-8"))["log"]
part = lambda name, text: print(name, base64.b64encode(text.encode()).decode())
part("note", log["checkpoint"]["note"])
for text in log["checkpoint"]["ssh"]: part("ssh", text)
for key in log["keys"]: part("vkey", key["vkey"])
for key in log["keys"]: part("sshkey", key["ssh"])' "$1" ;;
    node) node -e '
const { log } = JSON.parse(require("fs").readFileSync(process.argv[1], "utf8"));
const part = (name, text) => console.log(name, Buffer.from(text).toString("base64"));
part("note", log.checkpoint.note);
for (const text of log.checkpoint.ssh) part("ssh", text);
for (const key of log.keys) part("vkey", key.vkey);
for (const key of log.keys) part("sshkey", key.ssh);' "$1" ;;
  esac 2>/dev/null
}

# $1: its name in the bundle. Writes $work/NAME.1, $work/NAME.2 …
unpack() {
  rm -f "$work/$1".*
  nth=0
  grep "^$1 " "$work/parts" | while read -r _ encoded; do
    nth=$((nth + 1))
    printf '%s' "$encoded" | unbase64 >"$work/$1.$nth"
  done
}

# The SSH form of a verifier key.
ssh_of() {
  printf 'ssh-ed25519 '
  { printf '\000\000\000\013ssh-ed25519\000\000\000\040'; public_of "$1"; } | base64_line
}
# The 32 bytes of a verifier key: what follows the second +, without the byte of its type.
public_of() { after=${1#*+}; printf '%s' "${after#*+}" | unbase64 | tail -c 32; }

# The keys to go by, in $work/trusted, one a line.
trust() {
  if [ -n "$keys" ]; then
    tr -d '\r' <"$keys" | grep . >"$work/trusted"
    return
  fi
  : >"$work/trusted"
  for file in "$work"/vkey.*; do
    [ -e "$file" ] && { cat "$file"; echo; } >>"$work/trusted"
  done
  nth=0
  while read -r vkey; do
    nth=$((nth + 1))
    [ "$(cat "$work/sshkey.$nth" 2>/dev/null)" = "$(ssh_of "$vkey")" ] ||
      failed "keys        key $nth of the bundle is one key for SSH and another for notes"
  done <"$work/trusted"
}

# The text of the checkpoint is the first three lines of the note; then comes an empty line.
cut_note() {
  head -n 3 "$work/note.1" >"$work/text"
  [ "$(sed -n '4p' "$work/note.1" | wc -c)" -eq 1 ] && [ "$(sed -n '5,$p' "$work/note.1" | wc -l)" -gt 0 ]
}

check_ssh() {
  has ssh-keygen || { skipped 'ssh-keygen  not installed'; return; }
  while read -r vkey; do printf 'log namespaces="holdpoint-checkpoint" %s\n' "$(ssh_of "$vkey")"; done \
    <"$work/trusted" >"$work/allowed_signers"
  good=0
  for file in "$work"/ssh.*; do
    [ -e "$file" ] || break
    if said=$(ssh-keygen -Y verify -f "$work/allowed_signers" -I log -n holdpoint-checkpoint -s "$file" <"$work/text" 2>&1); then
      good=$((good + 1))
      ok 'ssh-keygen  the checkpoint has an SSH signature of the log'
    elif [ -n "$keys" ] && ssh-keygen -Y check-novalidate -n holdpoint-checkpoint -s "$file" <"$work/text" >/dev/null 2>&1; then
      say '        ssh-keygen  the checkpoint has an SSH signature of a key that you did not give'
    else
      failed "ssh-keygen  an SSH signature of the checkpoint: $(printf '%s' "$said" | tr '\n' ' ')"
    fi
  done
  [ "$good" -gt 0 ] || failed 'ssh-keygen  the checkpoint has no SSH signature of the log'
}

check_openssl() {
  has openssl || { skipped 'openssl     not installed'; return; }
  case $(openssl version) in
    OpenSSL\ [3-9]*) ;;
    *) skipped "openssl     version 3 is needed for Ed25519, this is $(openssl version)"; return ;;
  esac
  origin=$(sed -n '1p' "$work/text")
  sed -n '5,$p' "$work/note.1" >"$work/signatures"
  : >"$work/good"
  while read -r dash name encoded rest; do
    if [ "$dash" != "$(printf '\342\200\224')" ] || [ -n "$rest" ]; then
      failed 'openssl     a signature line of the note is malformed'
      continue
    fi
    printf '%s' "$encoded" | unbase64 >"$work/signature"
    id=$(head -c 4 "$work/signature" | od -An -tx1 | tr -d ' \n')
    vkey=$(while read -r vkey; do case $vkey in "$name+$id+"*) printf '%s' "$vkey" ;; esac; done <"$work/trusted")
    if [ -z "$vkey" ]; then
      say "        openssl     the note has a signature of a key that is not among the log's: $id"
      continue
    fi
    [ "$name" = "$origin" ] || { failed 'openssl     the note is signed under the name of another log'; continue; }
    # An Ed25519 key in DER is these twelve bytes and then the key.
    { printf '\060\052\060\005\006\003\053\145\160\003\041\000'; public_of "$vkey"; } >"$work/key.der"
    tail -c +5 "$work/signature" >"$work/raw.sig"
    if openssl pkeyutl -verify -pubin -keyform DER -inkey "$work/key.der" -rawin -in "$work/text" \
      -sigfile "$work/raw.sig" >"$work/said" 2>&1; then
      echo >>"$work/good"
      ok "openssl     the checkpoint is signed by key $id"
    else
      failed "openssl     the checkpoint is not signed by key $id: $(head -n 1 "$work/said")"
    fi
  done <"$work/signatures"
  [ -s "$work/good" ] || failed 'openssl     the checkpoint is not signed by any key of the log'
}

# Signatures, once for each checkpoint: all bundles of an export have the same.
check_signatures() {
  json=''
  for tool in ${AUDIT_JSON:-jq python3 node}; do
    [ -n "$json" ] || { reads_json "$tool" && json=$tool; }
  done
  [ -n "$json" ] || { skipped 'ssh-keygen  no jq, python3 or node to read JSON'; skipped 'openssl     no jq, python3 or node to read JSON'; return; }
  { has base64 || has openssl; } || { skipped 'ssh-keygen  no base64 or openssl to decode base64'; skipped 'openssl     not installed'; return; }
  : >"$work/parts.before"
  while read -r bundle; do
    take_apart "$bundle" >"$work/parts" || { failed "$json          $bundle is no bundle"; continue; }
    cmp -s "$work/parts" "$work/parts.before" && continue
    cp "$work/parts" "$work/parts.before"
    say "        $bundle"
    for part in note ssh vkey sshkey; do unpack "$part"; done
    trust
    cut_note || { failed 'note        the checkpoint is not three lines, an empty one and signatures'; continue; }
    check_ssh
    check_openssl
  done <"$work/bundles"
}

# Runs $2 … as the tool $1, whose lines are in our form already. A tool that dies without a word has failed.
run() {
  tool=$1
  shift
  { "$@" 2>"$work/errors"; echo $? >"$work/status"; } | tee "$work/lines" | tr -cd '[:print:]\n' | tee -a "$report"
  status=$(cat "$work/status")
  if [ "$status" -ne 0 ] && ! grep -q '^FAILED' "$work/lines"; then
    failed "$tool it did not run to its end: $(tail -n 3 "$work/errors" | tr '\n' ' ')"
  fi
}

check_go() {
  gopath=${AUDIT_GOPATH:-/usr/share/gocode}
  has go || { skipped 'go          not installed'; return; }
  [ -d "$gopath/src/golang.org/x/mod/sumdb/tlog" ] ||
    { skipped "go          golang.org/x/mod is not in $gopath (Debian: golang-golang-x-mod-dev)"; return; }
  set --
  [ -z "$keys" ] || set -- "$@" -keys "$keys"
  [ -z "$kept" ] || set -- "$@" -kept "$kept"
  [ ! -f "$given/ledger.jsonl" ] || set -- "$@" -log "$given/ledger.jsonl"
  while read -r bundle; do set -- "$@" "$bundle"; done <"$work/bundles"
  run 'go         ' env GO111MODULE=off GOPATH="$gopath" GOFLAGS= GOTOOLCHAIN=local CGO_ENABLED=0 \
    GOCACHE="${AUDIT_GOCACHE:-$work/gocache}" go run "$here/check.go" "$@"
}

check_sigstore() {
  has node || { skipped 'sigstore    node is not installed'; return; }
  node "$here/merkle.mjs" >/dev/null 2>&1 || { skipped 'sigstore    @sigstore/verify is not installed'; return; }
  set --
  while read -r bundle; do set -- "$@" "$bundle"; done <"$work/bundles"
  run 'sigstore   ' node "$here/merkle.mjs" "$@"
}

[ -n "$keys" ] || say 'note    The keys are taken from the evidence itself. Give --keys with those you know the log by.'
[ -n "$kept" ] || say 'note    No --checkpoint was given: lines cut off the end of the log would not show.'
check_signatures
check_go
check_sigstore

if grep -q '^FAILED' "$report"; then exit 1; fi
not_run() {
  printf 'check.sh: %s\n' "$1" >&2
  exit 2
}
# What nobody looked at is not to pass for what was found in order.
grep -q '^ok' "$report" || not_run 'none of the tools is installed'
grep -Eq '^ok +(ssh-keygen|openssl|go) ' "$report" || not_run 'no tool that checks signatures is installed: install one of ssh-keygen, openssl 3 and go'
if [ -n "$kept" ] && ! grep -Eq '^ok +go +the log goes on' "$report"; then
  not_run 'the kept checkpoint was not looked at: that takes go with golang.org/x/mod'
fi
exit 0
