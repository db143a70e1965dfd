# SPDX-License-Identifier: BSD-2-Clause
# Completion of xl's commands, guests and files.
_xl() {
	local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]}

	if [ "$COMP_CWORD" -eq 1 ]; then
		COMPREPLY=($(compgen -W "$(xl help 2>/dev/null | awk '/^ [a-z]/ { print $1 }')" -- "$word"))
		return
	fi
	case $command in
	create | config-check | loadpolicy | autostart | host-config) COMPREPLY=($(compgen -f -- "$word")) ;;
	help) COMPREPLY=($(compgen -W "$(xl help 2>/dev/null | awk '/^ [a-z]/ { print $1 }')" -- "$word")) ;;
	setenforce) COMPREPLY=($(compgen -W "0 1" -- "$word")) ;;
	*) COMPREPLY=($(compgen -W "$(xl list 2>/dev/null | awk 'NR > 1 { print $1 }')" -- "$word")) ;;
	esac
}
complete -F _xl xl
