#!/usr/bin/env bash
#
# The steps of action.yml, one for each word:
#
#     github-action.sh choose | install | audit | verdict
#
# What a user says comes in by the environment and is never part of a script.
set -euo pipefail

fail() {
	printf '::error title=ecraudit::%s\n' "${*//$'\n'/ }"
	exit 1
}

output() {
	[[ $2 != *$'\n'* ]] || fail "$1 must be one line"
	printf '%s=%s\n' "$1" "$2" >>"$GITHUB_OUTPUT"
}

# A release where one is named, by the input or by the tag that the action is
# used at; else the source of the action, which is the commit it is used at.
choose() {
	if [[ -n $VERSION ]]; then
		output version "$VERSION"
	elif [[ $ACTION_REF =~ ^v[0-9]+\.[0-9]+\.[0-9]+$ ]]; then
		output version "$ACTION_REF"
	else
		output version source
	fi
}

install() {
	local folder=$RUNNER_TEMP/ecraudit-bin
	if [[ $VERSION == source ]]; then
		[[ -z $SHA256 ]] || fail 'sha256 is of a released archive: name its version, too'
		mkdir -p "$folder"
		CGO_ENABLED=0 go build -C "$GITHUB_ACTION_PATH" -trimpath -o "$folder/ecraudit" ./cmd/ecraudit
	else
		sh "$GITHUB_ACTION_PATH/scripts/install.sh" "$VERSION" "$folder" "$SHA256"
	fi
	printf '%s\n' "$folder" >>"$GITHUB_PATH"
}

boolean() {
	[[ $2 == true || $2 == false ]] || fail "$1 is \"$2\": write true or false"
}

# The value of a total, which stand on lines of their own at the report's end.
total() {
	tail -n 9 "$REPORTS/ecraudit.json" | sed -n "s/^ *\"$1\": \([a-z0-9]*\),*\$/\1/p"
}

audit() {
	boolean allow-incomplete "$ALLOW_INCOMPLETE"
	boolean annotations "$ANNOTATIONS"
	boolean summary "$SUMMARY"
	[[ $REPORTS != *$'\n'* ]] || fail 'reports must be one line'

	local arguments=(audit --fail-on "$FAIL_ON") line name code=0
	[[ -z $CONFIG ]] || arguments+=(--config "$CONFIG")
	[[ -z $SNAPSHOT ]] || arguments+=(--snapshot "$SNAPSHOT")
	[[ $ALLOW_INCOMPLETE == false ]] || arguments+=(--allow-incomplete)
	while IFS= read -r line; do
		line=${line#"${line%%[![:space:]]*}"}
		line=${line%"${line##*[![:space:]]}"}
		[[ -z $line ]] || arguments+=("$line")
	done <<<"$ARGS"

	mkdir -p "$REPORTS"
	arguments+=(-o "json=$REPORTS/ecraudit.json" -o "sarif=$REPORTS/ecraudit.sarif")
	arguments+=(-o "junit=$REPORTS/ecraudit.xml" -o "markdown=$REPORTS/ecraudit.md")
	[[ $ANNOTATIONS == false ]] || arguments+=(-o github=-)

	ecraudit "${arguments[@]}" || code=$?
	[[ $code -eq 0 || $code -eq 2 || $code -eq 3 ]] ||
		fail "ecraudit ended with exit code $code: there is no report, see the messages above"
	[[ $SUMMARY == false ]] || cat "$REPORTS/ecraudit.md" >>"$GITHUB_STEP_SUMMARY"
	output exit-code "$code"
	for name in failing undecided complete; do
		output "$name" "$(total "$name")"
	done
	output json "$REPORTS/ecraudit.json"
	output sarif "$REPORTS/ecraudit.sarif"
	output junit "$REPORTS/ecraudit.xml"
	output markdown "$REPORTS/ecraudit.md"
}

verdict() {
	case $EXIT_CODE in
	0) ;;
	2) printf '::error title=ecraudit::There are findings at or above %s.\n' "$FAIL_ON" ;;
	3) printf '::error title=ecraudit::The audit is not complete, so it is not known to be clean.\n' ;;
	esac
	exit "$EXIT_CODE"
}

case ${1:-} in
choose | install | audit | verdict) "$1" ;;
*) fail "github-action.sh: \"${1:-}\" is no step" ;;
esac
