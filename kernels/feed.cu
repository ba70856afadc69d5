/* kernels/feed.cu: see feed.h. One queue; each thread takes the next part of it, at most PART bytes that are one range on the card. */
#include "feed.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { FEEDERS = 4, PIECES = 128, GAP = 256 }; /* GAP: what a context's alignment leaves between two matrices, at most */
static const size_t PART = (size_t)4 << 20;

struct piece {
	char *dst;
	const char *src;
	size_t n;
};

struct bp_feed {
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct piece *queue;
	size_t queued, room, taken; /* pieces; queue[taken] is what is left of it */
	bool last;                  /* nothing will be put any more */
	cudaError_t fault;          /* the first */
	int device, threads;
	pthread_t thread[FEEDERS];
};

/* The next part into p; waits for one. 0: there is none, nor will be. */
static int
take(struct piece p[PIECES], struct bp_feed *f)
{
	size_t left = PART;
	int n = 0;

	pthread_mutex_lock(&f->lock);
	while (f->taken == f->queued && !f->last)
		pthread_cond_wait(&f->more, &f->lock);
	while (f->taken < f->queued && n < PIECES && left > 0) {
		struct piece *q = &f->queue[f->taken];
		size_t gap = n ? (size_t)(q->dst - (p[n - 1].dst + p[n - 1].n)) : 0; /* huge for lower addresses */
		size_t now = q->n < left - gap ? q->n : left - gap;
		if (gap >= GAP || gap >= left)
			break;
		p[n++] = { q->dst, q->src, now };
		left -= gap + now;
		q->dst += now, q->src += now, q->n -= now;
		f->taken += q->n == 0;
	}
	pthread_mutex_unlock(&f->lock);
	return n;
}

/* part p [n] by way of buf; done is when buf may be filled again */
static cudaError_t
send(const struct piece *p, int n, char *buf, cudaEvent_t done, cudaStream_t stream)
{
	cudaError_t e = cudaEventSynchronize(done);

	for (int i = 0; i < n; i++)
		memcpy(buf + (p[i].dst - p[0].dst), p[i].src, p[i].n);
	if (e == cudaSuccess)
		e = cudaMemcpyAsync(p[0].dst, buf, (size_t)(p[n - 1].dst + p[n - 1].n - p[0].dst), cudaMemcpyHostToDevice, stream);
	return e == cudaSuccess ? cudaEventRecord(done, stream) : e;
}

static void *
feeder(void *self)
{
	struct bp_feed *f = (struct bp_feed *)self;
	struct piece p[PIECES];
	cudaStream_t stream = NULL;
	cudaEvent_t done[2] = { NULL, NULL };
	char *buf = NULL;
	cudaError_t e;

	if ((e = cudaSetDevice(f->device)) == cudaSuccess && (e = cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking)) == cudaSuccess
	    && (e = cudaMallocHost(&buf, 2 * PART)) == cudaSuccess
	    && (e = cudaEventCreateWithFlags(&done[0], cudaEventDisableTiming)) == cudaSuccess)
		e = cudaEventCreateWithFlags(&done[1], cudaEventDisableTiming);
	for (int k = 0, n; (n = take(p, f)) > 0; k ^= 1) /* with a fault the queue is emptied all the same */
		if (e == cudaSuccess)
			e = send(p, n, buf + k * PART, done[k], stream);
	if (stream) {
		cudaError_t end = cudaStreamSynchronize(stream);
		e = e == cudaSuccess ? end : e;
		cudaStreamDestroy(stream);
	}
	for (int i = 0; i < 2; i++)
		if (done[i])
			cudaEventDestroy(done[i]);
	cudaFreeHost(buf);
	pthread_mutex_lock(&f->lock);
	f->fault = f->fault == cudaSuccess ? e : f->fault;
	pthread_mutex_unlock(&f->lock);
	return NULL;
}

static struct bp_feed *
start(int device)
{
	struct bp_feed *f = (struct bp_feed *)calloc(1, sizeof *f);

	if (!f)
		return NULL;
	f->device = device;
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->more, NULL);
	while (f->threads < FEEDERS && pthread_create(&f->thread[f->threads], NULL, feeder, f) == 0)
		f->threads++;
	if (f->threads == 0)
		bp_feed_close(&f);
	return f;
}

bool
bp_feed_put(struct bp_feed **feed, int device, void *dst, const void *src, size_t n)
{
	struct bp_feed *f = *feed ? *feed : start(device);

	if (!(*feed = f))
		return false;
	pthread_mutex_lock(&f->lock);
	if (f->queued == f->room) {
		size_t room = f->room ? 2 * f->room : 1024;
		struct piece *more = (struct piece *)realloc(f->queue, room * sizeof *more);
		if (!more) {
			pthread_mutex_unlock(&f->lock);
			return false;
		}
		f->queue = more;
		f->room = room;
	}
	f->queue[f->queued++] = { (char *)dst, (const char *)src, n };
	pthread_cond_signal(&f->more);
	pthread_mutex_unlock(&f->lock);
	return true;
}

cudaError_t
bp_feed_close(struct bp_feed **feed)
{
	struct bp_feed *f = *feed;
	cudaError_t e;

	*feed = NULL;
	if (!f)
		return cudaSuccess;
	pthread_mutex_lock(&f->lock);
	f->last = true;
	pthread_cond_broadcast(&f->more);
	pthread_mutex_unlock(&f->lock);
	for (int i = 0; i < f->threads; i++)
		pthread_join(f->thread[i], NULL);
	e = f->fault;
	pthread_cond_destroy(&f->more);
	pthread_mutex_destroy(&f->lock);
	free(f->queue);
	free(f);
	return e;
}
