# tests/slurm/cluster.sh: functions for a Slurm of this one machine in folder $T: munge, slurmctld and slurmd with names, ports and
# files of their own, beside any other that is installed. To be read by a shell: cluster_start, cluster_stop.

cluster_missing() {
	for p in munged mungekey slurmctld slurmd sbatch scontrol; do
		PATH=$PATH:/usr/sbin command -v $p >/dev/null || { echo "$p is not installed (Debian: slurm-wlm munge)"; return 0; }
	done
	[ "$(id -u)" = 0 ] || { echo "slurmd wants root"; return 0; }
	return 1
}

cluster_start() {
	PATH=$PATH:/usr/sbin
	mkdir -p "$T/state" "$T/spool" "$T/munge"
	chmod 755 "$T"
	chmod 700 "$T/munge"
	node=$(hostname -s)
	base=$((20000 + $$ % 10000))
	cat >"$T/slurm.conf" <<-EOF
		ClusterName=boltzpipe
		SlurmctldHost=$node(127.0.0.1)
		SlurmctldPort=$base
		SlurmdPort=$((base + 1))
		SlurmUser=root
		SlurmdUser=root
		AuthType=auth/munge
		AuthInfo=socket=$T/munge/socket,cred_expire=5
		CredType=cred/munge
		StateSaveLocation=$T/state
		SlurmdSpoolDir=$T/spool
		SlurmctldPidFile=$T/slurmctld.pid
		SlurmdPidFile=$T/slurmd.pid
		SlurmctldLogFile=$T/slurmctld.log
		SlurmdLogFile=$T/slurmd.log
		ProctrackType=proctrack/linuxproc
		TaskPlugin=task/none
		SelectType=select/cons_tres
		SelectTypeParameters=CR_Core
		SlurmdParameters=config_overrides
		ReturnToService=2
		JobRequeue=1
		KillWait=5
		MinJobAge=3600
		MpiDefault=none
		SchedulerParameters=sched_interval=2,requeue_setup_env_fail
		NodeName=$node NodeAddr=127.0.0.1 CPUs=16 Sockets=1 CoresPerSocket=16 ThreadsPerCore=1 RealMemory=1000 State=UNKNOWN
		PartitionName=test Nodes=$node Default=YES MaxTime=60 State=UP
	EOF
	export SLURM_CONF=$T/slurm.conf
	mungekey -c -k "$T/munge/key" && munged --force --key-file="$T/munge/key" --socket="$T/munge/socket" \
		--pid-file="$T/munge/pid" --log-file="$T/munge/log" --seed-file="$T/munge/seed" || return 1
	slurmctld -f "$SLURM_CONF" && slurmd -f "$SLURM_CONF" || return 1
	for _ in $(seq 60); do
		[ "$(sinfo -h -o %T 2>/dev/null)" = idle ] && return 0
		sleep 0.5
	done
	echo "the node does not become idle:"
	sinfo
	tail -5 "$T/slurmctld.log" "$T/slurmd.log"
	return 1
}

cluster_stop() {
	if [ -f "$T/slurmctld.pid" ]; then
		scancel -u root 2>/dev/null
		for _ in $(seq 60); do
			[ -n "$(squeue -h 2>/dev/null)" ] || break
			sleep 0.5
		done
	fi
	for f in slurmd.pid slurmctld.pid munge/pid; do
		[ ! -s "$T/$f" ] || kill "$(cat "$T/$f")" 2>/dev/null
	done
	sleep 1
}
