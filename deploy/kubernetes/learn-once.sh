#!/bin/sh
# Before the service starts: settings into the workspace, and, on the first day, learning.
set -eu
cp /config/informer.toml /workspace/informer.toml

if [ -e /workspace/learned ]; then
    exit 0
fi
mkdir -p /workspace/first
echo "nothing was learned yet: copy traces into /workspace/first, then make /workspace/first/complete"
until [ -e /workspace/first/complete ]; do
    sleep 5
done
rm /workspace/first/complete
if ! informer learn /workspace/first -w /workspace; then
    echo "could not learn: mend what is in /workspace/first, then make /workspace/first/complete"
    exit 1
fi
touch /workspace/learned
cp /config/informer.toml /workspace/informer.toml
