# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Completion of sluicectl for bash: commands, flags, files, and room names where one is wanted.

_sluicectl_rooms() {
	sluicectl rooms --json 2>/dev/null | sed -n 's/^ *"name": "rooms\/\(.*\)".*/\1/p'
}

_sluicectl() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
	local command=${COMP_WORDS[1]} flags
	local commands="rooms room participants events node stats top drain undrain token doctor"
	local everywhere="--json --help --endpoint --ca --fingerprint --token-file
		--client-certificate --client-key"

	if ((COMP_CWORD == 1)); then
		mapfile -t COMPREPLY < <(compgen -W "$commands --help" -- "$word")
		return
	fi
	case $before in
	--ca | --token-file | --client-certificate | --client-key | --certificate | --dataplane-config | --root | \
		--keys | --private-key)
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return
		;;
	--endpoint | --fingerprint | --count | --interval | --deadline | --kid | --room | --subject | --tenant | \
		--audience | --lifetime | --link | --new-key)
		return
		;;
	esac
	case $command in
	events) flags="--count --snapshot" ;;
	top) flags="--interval --count" ;;
	drain) flags="--deadline --remove" ;;
	token)
		flags="--keys --kid --private-key --room --publish --subscribe --observe --administer
			--subject --tenant --audience --lifetime --link --new-key"
		;;
	doctor) flags="--dataplane-config --certificate --root" ;;
	*) flags= ;;
	esac
	if [[ $word == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$flags $everywhere" -- "$word")
	elif [[ $command == room || $command == participants || $command == events ||
		$command == stats ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_sluicectl_rooms)" -- "$word")
	fi
}

complete -F _sluicectl sluicectl
