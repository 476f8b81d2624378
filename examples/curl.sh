#!/bin/sh
# Text in, text out, with curl alone: the store embeds what it is sent.
#
#   vectorstore up -f examples/store.yaml
#   examples/curl.sh [NAME]
set -eu
about=$(vectorstore get "${1:-acme}" -o json)
field() { echo "$about" | sed -n "s/^  \"$1\": \"\(.*\)\",\{0,1\}$/\1/p"; }
url=$(field url)
key=$(cat "$(field readWriteKeyFile)")

call() { # path, body
    curl --silent --show-error --fail-with-body "$url$1" -H "Authorization: Bearer $key" \
        -H 'Content-Type: application/json' --data "$2"
    echo
}
call /embed/ '{"ids": ["cat", "rates"], "documents": ["A cat sleeps on the sofa.", "Interest rates rose again."]}'
call /search/ '{"query": "What do central banks do?", "n_results": 1}'
call /delete/ '{"ids": ["cat", "rates"]}'
curl --silent --show-error --fail-with-body "$url/stats" -H "Authorization: Bearer $key"
echo
