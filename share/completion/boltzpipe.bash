# bash completion for boltzpipe: the tools, then the options that --help of a tool tells
_boltzpipe()
{
	local cur=${COMP_WORDS[COMP_CWORD]} words
	if [ "$COMP_CWORD" = 1 ]; then
		words=$(boltzpipe --help 2>/dev/null | sed -n 's/^  \([a-z][a-z-]*\) .*/\1/p')
	elif [[ $cur == -* ]]; then
		words=$(boltzpipe "${COMP_WORDS[1]}" --help 2>/dev/null | grep -o -- '^ *\(-., \)\?--[a-z][a-z-]*' | grep -o -- '--.*')
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -o default -F _boltzpipe boltzpipe
