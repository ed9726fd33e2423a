#!/bin/sh
# Installs the Debian packages that building (run) or testing (test) needs and that are missing. Says what it is about to
# do before it does it, and how to do it by hand when it may not.
set -eu

what=${1:-run}
build="gcc make pkg-config libc6-dev libjemalloc-dev libxxhash-dev libssl-dev liblzf-dev libutf8proc-dev libluajit-5.1-dev"
test="libcmocka-dev python3 python3-pytest python3-redis python3-hypothesis redis-tools python3-celery python3-rq \
python3-socketio python3-aiohttp libuv1-dev libev-dev libevent-dev libhiredis-dev ccache clang-14 clang-tidy-14 clang-format-14 libclang-rt-14-dev nodejs"

case $what in
run) wanted=$build ;;
test) wanted="$build $test" ;;
*) echo "usage: $0 [run|test]" >&2; exit 2 ;;
esac

missing=
for p in $wanted; do
    # A program that is there counts, wherever it came from (a node of one's own, for instance).
    case $p in
    gcc|make|ccache|nodejs)
        name=$p
        [ "$p" = nodejs ] && name=node
        command -v "$name" >/dev/null 2>&1 && continue ;;
    esac
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null || true)" = installed ] || missing="$missing $p"
done
if [ "$what" = test ] && ! command -v npm >/dev/null 2>&1; then
    missing="$missing npm"
fi
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "Sorrel needs these packages (names as in Debian 12), which this system's package manager must provide:" >&2
    echo "   $missing" >&2
    exit 1
fi
sudo=
if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
        echo "Sorrel needs packages that are not installed, and this user may not install them (not root, no sudo)." >&2
        echo "Ask an administrator to run:  apt-get install$missing" >&2
        exit 1
    fi
    sudo=sudo
fi

echo "Installing what is missing:$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# No service of these packages is wanted running, and nobody is there to answer questions.
install() {
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing </dev/null >"$log" 2>&1
}
if ! install; then
    # The lists may be old or absent, as in a fresh container.
    if ! { $sudo apt-get update -q </dev/null >"$log" 2>&1 && install; }; then
        tail -n 15 "$log" >&2
        echo "Could not install them. Try by hand:  apt-get update && apt-get install$missing" >&2
        exit 1
    fi
fi
