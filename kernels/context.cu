/* context: stream and memory of one card.
 *
 * Device memory is one range of addresses that grows: room for all of the card is reserved, and physical memory is mapped behind
 * the end as it is needed, so that nothing ever moves and marks are plain offsets. Driver functions come from cudaGetDriverEntryPoint:
 * a program built with CUDA starts on a machine that has no driver. */
#include "blas.h"
#include "context.h"
#include "feed.h"
#include "follow.cuh"

extern "C" {
#include "base/log.h"
#include "ops/copy.h"
}

#include <cuda.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGN = 256 };
static const size_t GROW = (size_t)64 << 20;
static const size_t STAGE = (size_t)8 << 20, STAGED = (size_t)4 << 20;     /* copies from STAGED bytes on go STAGE bytes at a time */

struct bp_cuda {
	cudaStream_t stream, main, aside; /* stream: which of the two is given work now; aside: NULL before the first */
	cudaEvent_t before, done;         /* of main when work goes aside; of aside when it ends */
	int processors, shared; /* shared: bytes that a block may have */
	int follows;            /* follow.cuh; 0: not yet asked, -1: no */
	cudaEvent_t *event; /* timings */
	int events;
	void *stage[2]; /* of copies to and from the host */
	cudaEvent_t stage_done[2];
	struct bp_feed *feed; /* parameters that are on their way */
	/* memory */
	CUdeviceptr base;
	size_t range, mapped, used, peak, cap, chunk;
	size_t main_used, main_cap; /* main's, while work goes aside */
	CUmemGenericAllocationHandle *handle;
	size_t handles;
	CUresult (*mem_create)(CUmemGenericAllocationHandle *, size_t, const CUmemAllocationProp *, unsigned long long);
	CUresult (*mem_map)(CUdeviceptr, size_t, size_t, CUmemGenericAllocationHandle, unsigned long long);
	CUresult (*mem_unmap)(CUdeviceptr, size_t);
	CUresult (*mem_release)(CUmemGenericAllocationHandle);
	CUresult (*mem_access)(CUdeviceptr, size_t, const CUmemAccessDesc *, size_t);
	CUresult (*mem_reserve)(CUdeviceptr *, size_t, size_t, CUdeviceptr, unsigned long long);
	CUresult (*mem_free)(CUdeviceptr, size_t);
	CUmemAllocationProp prop;
	struct bp_products *products;
	cudaEvent_t tick; /* progress: what it was noted for, and the last number that was reached */
	int64_t noted, reached;
};

static struct bp_cuda *
dev(const struct bp_ctx *cx)
{
	return (struct bp_cuda *)cx->dev;
}

cudaStream_t
bp_stream(const struct bp_ctx *cx)
{
	return dev(cx)->stream;
}

static int
lost(struct bp_ctx *cx, const char *what, cudaError_t e)
{
	return e == cudaSuccess ? BP_OK : BP_FAIL(cx->err, BP_ELOST, NULL, "cuda:%d: %s: %s", cx->device_index, what, cudaGetErrorString(e));
}

struct bp_products *
bp_products(const struct bp_ctx *cx)
{
	return dev(cx)->products;
}

int
bp_processors(const struct bp_ctx *cx)
{
	return dev(cx)->processors;
}

int
bp_shared(const struct bp_ctx *cx)
{
	return dev(cx)->shared;
}

bool
bp_follows(const struct bp_ctx *cx)
{
	struct bp_cuda *d = dev(cx);

	if (d->follows == 0) /* not at the start: most programs have no such kernels */
		d->follows = bp_can_follow() ? 1 : -1;
	return d->follows > 0;
}

int
bp_launched(struct bp_ctx *cx, const char *op)
{
	return lost(cx, op, cudaGetLastError());
}

static bool
entry(void *fn, const char *name)
{
	cudaDriverEntryPointQueryResult found;

	return cudaGetDriverEntryPointByVersion(name, (void **)fn, 12000, cudaEnableDefault, &found) == cudaSuccess
	    && found == cudaDriverEntryPointSuccess;
}

static int
open_memory(struct bp_ctx *cx, size_t cap, struct bp_err *err)
{
	struct bp_cuda *d = dev(cx);
	CUresult (*granularity)(size_t *, const CUmemAllocationProp *, CUmemAllocationGranularity_flags);
	size_t avail, total, least;

	if (!entry(&d->mem_create, "cuMemCreate") || !entry(&d->mem_map, "cuMemMap") || !entry(&d->mem_unmap, "cuMemUnmap")
	    || !entry(&d->mem_release, "cuMemRelease") || !entry(&d->mem_access, "cuMemSetAccess")
	    || !entry(&d->mem_reserve, "cuMemAddressReserve") || !entry(&d->mem_free, "cuMemAddressFree")
	    || !entry(&granularity, "cuMemGetAllocationGranularity") || cudaMemGetInfo(&avail, &total) != cudaSuccess)
		return BP_FAIL(err, BP_EUNSUP, "install a newer NVIDIA driver", "cuda:%d: the driver has no virtual memory functions", cx->device_index);
	d->prop.type = CU_MEM_ALLOCATION_TYPE_PINNED;
	d->prop.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
	d->prop.location.id = cx->device_index;
	if (granularity(&least, &d->prop, CU_MEM_ALLOC_GRANULARITY_RECOMMENDED) != CUDA_SUCCESS)
		least = (size_t)2 << 20;
	d->chunk = (GROW + least - 1) / least * least;
	d->cap = cap ? cap : total;
	d->range = (total + d->chunk - 1) / d->chunk * d->chunk;
	d->handle = (CUmemGenericAllocationHandle *)calloc(d->range / d->chunk, sizeof *d->handle);
	if (!d->handle || d->mem_reserve(&d->base, d->range, 0, 0, 0) != CUDA_SUCCESS)
		return BP_FAIL(err, BP_EUNSUP, NULL, "cuda:%d: no addresses for the memory pool", cx->device_index);
	return BP_OK;
}

/* map memory behind the end until `want` bytes are there */
static bool
grow(struct bp_cuda *d, size_t want)
{
	CUmemAccessDesc access;

	access.location = d->prop.location;
	access.flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
	while (d->mapped < want) {
		if (d->mapped + d->chunk > d->range || d->mem_create(&d->handle[d->handles], d->chunk, &d->prop, 0) != CUDA_SUCCESS)
			return false;
		if (d->mem_map(d->base + d->mapped, d->chunk, 0, d->handle[d->handles], 0) != CUDA_SUCCESS) {
			d->mem_release(d->handle[d->handles]);
			return false;
		}
		d->handles++;
		d->mapped += d->chunk;
		if (d->mem_access(d->base + d->mapped - d->chunk, d->chunk, &access, 1) != CUDA_SUCCESS)
			return false;
	}
	return true;
}

static void *
cuda_alloc(struct bp_ctx *cx, size_t bytes)
{
	struct bp_cuda *d = dev(cx);
	size_t n = (bytes + ALIGN - 1) / ALIGN * ALIGN, at = d->used;

	n = n ? n : (size_t)ALIGN;
	if (n < bytes || n > d->cap || at > d->cap - n || (!cx->dry && !grow(d, at + n))) {
		BP_FAIL(cx->err, BP_EMEM, "take a smaller target, fewer samples at once, or a larger card",
		    "cuda:%d: %.1f MiB wanted beside %.1f MiB in use, %.1f MiB at most", cx->device_index, bytes / 1048576.0, at / 1048576.0,
		    d->cap / 1048576.0);
		return NULL;
	}
	d->used += n;
	if (d->used > d->peak)
		d->peak = d->used;
	return (void *)(d->base + at);
}

static struct bp_mark
cuda_mark(struct bp_ctx *cx)
{
	struct bp_mark m = { NULL, dev(cx)->used, dev(cx)->used };

	return m;
}

static void
cuda_release(struct bp_ctx *cx, struct bp_mark m)
{
	dev(cx)->used = m.used;
}

static size_t
cuda_peak(const struct bp_ctx *cx)
{
	return dev(cx)->peak;
}

static void
cuda_peak_reset(struct bp_ctx *cx)
{
	dev(cx)->peak = dev(cx)->used;
}

static int
cuda_rehearse(struct bp_rehearsal *r, struct bp_ctx *cx)
{
	struct bp_cuda *d = dev(cx);
	struct bp_rehearsal now = { NULL, d->used, d->peak, d->cap, cx->dry };

	*r = now;
	d->used = d->peak = 0;
	d->cap = SIZE_MAX;
	cx->dry = true;
	return BP_OK;
}

static size_t
cuda_rehearsed(struct bp_rehearsal *r, struct bp_ctx *cx)
{
	struct bp_cuda *d = dev(cx);
	size_t peak = d->peak;

	d->used = r->used;
	d->peak = r->peak;
	d->cap = r->cap;
	cx->dry = r->dry;
	return peak;
}

static size_t
cuda_free(const struct bp_ctx *cx)
{
	const struct bp_cuda *d = dev(cx);
	size_t avail = 0, total;

	if (cudaMemGetInfo(&avail, &total) != cudaSuccess)
		avail = 0;
	if (!d->range) /* opened to plan */
		return avail > d->used ? avail - d->used : 0;
	avail += d->mapped - d->used;
	return avail < d->cap - d->used ? avail : d->cap - d->used;
}

static size_t
cuda_idle(const struct bp_ctx *cx)
{
	return dev(cx)->mapped > dev(cx)->used ? dev(cx)->mapped - dev(cx)->used : 0;
}

/* memory behind what is in use goes back to the card; its addresses stay ours */
static void
cuda_trim(struct bp_ctx *cx)
{
	struct bp_cuda *d = dev(cx);

	cudaStreamSynchronize(d->stream);
	while (d->handles && d->mapped - d->chunk >= d->used) {
		d->handles--;
		d->mapped -= d->chunk;
		d->mem_unmap(d->base + d->mapped, d->chunk);
		d->mem_release(d->handle[d->handles]);
	}
}

/* n bytes to or from the card by way of two buffers that it reaches by itself, each filled or emptied by all of the CPU's threads while the
 * other one is on its way: several times as fast as from memory that the system may move, and a download's first touch of its pages is shared, too */
static int
staged(struct bp_ctx *cx, char *to, const char *from, size_t n, bool up)
{
	struct bp_cuda *d = dev(cx);
	size_t parts = (n + STAGE - 1) / STAGE;

	for (int i = 0; i < 2 && !d->stage[i]; i++) {
		BP_TRY(lost(cx, "copy", cudaMallocHost(&d->stage[i], STAGE)));
		BP_TRY(lost(cx, "copy", cudaEventCreateWithFlags(&d->stage_done[i], cudaEventDisableTiming)));
	}
	for (size_t k = 0; k <= parts; k++) { /* part k is sent off, part k - 1 of a download fetched */
		size_t at = k * STAGE, now = k < parts ? (n - at < STAGE ? n - at : STAGE) : 0;
		if (now && up) {
			BP_TRY(lost(cx, "upload", cudaEventSynchronize(d->stage_done[k % 2])));
			bp_copy_host(d->stage[k % 2], from + at, now, cx->threads);
			BP_TRY(lost(cx, "upload", cudaMemcpyAsync(to + at, d->stage[k % 2], now, cudaMemcpyHostToDevice, d->stream)));
		} else if (now) {
			BP_TRY(lost(cx, "download", cudaMemcpyAsync(d->stage[k % 2], from + at, now, cudaMemcpyDeviceToHost, d->stream)));
		}
		if (now)
			BP_TRY(lost(cx, "copy", cudaEventRecord(d->stage_done[k % 2], d->stream)));
		if (k && !up) {
			BP_TRY(lost(cx, "download", cudaEventSynchronize(d->stage_done[(k - 1) % 2])));
			bp_copy_host(to + at - STAGE, d->stage[(k - 1) % 2], k < parts ? STAGE : n - (at - STAGE), cx->threads);
		}
	}
	return BP_OK;
}

static int
cuda_settle(struct bp_ctx *cx)
{
	return lost(cx, "parameters", bp_feed_close(&dev(cx)->feed));
}

static int
cuda_feed(struct bp_ctx *cx, const void **dst, const void *src, size_t n)
{
	void *p = bp_dev_alloc(cx, n);

	*dst = p;
	if (!p)
		return BP_EMEM;
	if (cx->dry || n == 0)
		return BP_OK;
	if (!bp_feed_put(&dev(cx)->feed, cx->device_index, p, src, n))
		return BP_FAIL(cx->err, BP_EMEM, NULL, "no memory to send parameters to the card");
	return BP_OK;
}

static int
cuda_upload(struct bp_ctx *cx, const void **dst, const void *src, size_t n)
{
	void *p = bp_dev_alloc(cx, n);

	*dst = p;
	if (!p)
		return BP_EMEM;
	if (cx->dry || n == 0)
		return BP_OK;
	BP_TRY(cuda_settle(cx));
	if (n >= STAGED)
		return staged(cx, (char *)p, (const char *)src, n, true);
	return lost(cx, "upload", cudaMemcpyAsync(p, src, n, cudaMemcpyHostToDevice, dev(cx)->stream));
}

static int
cuda_download(struct bp_ctx *cx, void *dst, const void *src, size_t n)
{
	if (cx->dry || n == 0)
		return BP_OK;
	BP_TRY(cuda_settle(cx));
	if (n >= STAGED)
		return staged(cx, (char *)dst, (const char *)src, n, false);
	BP_TRY(lost(cx, "download", cudaMemcpyAsync(dst, src, n, cudaMemcpyDeviceToHost, dev(cx)->stream)));
	return lost(cx, "download", cudaStreamSynchronize(dev(cx)->stream));
}

static int
cuda_copy(struct bp_ctx *cx, void *dst, const void *src, size_t n)
{
	if (cx->dry || n == 0)
		return BP_OK;
	BP_TRY(cuda_settle(cx));
	return lost(cx, "copy", cudaMemcpyAsync(dst, src, n, cudaMemcpyDeviceToDevice, dev(cx)->stream));
}

static int
cuda_zero(struct bp_ctx *cx, void *dst, size_t n)
{
	if (cx->dry || n == 0)
		return BP_OK;
	BP_TRY(cuda_settle(cx));
	return lost(cx, "zero", cudaMemsetAsync(dst, 0, n, dev(cx)->stream));
}

static int
cuda_stamp(struct bp_ctx *cx, int i, double *at)
{
	struct bp_cuda *d = dev(cx);

	(void)at;
	if (i >= d->events) {
		int n = i < 1024 ? 1024 : 2 * i;
		cudaEvent_t *more = (cudaEvent_t *)realloc(d->event, n * sizeof *more);
		if (!more)
			return BP_FAIL(cx->err, BP_EMEM, NULL, "no memory for timings");
		d->event = more;
		for (; d->events < n; d->events++)
			BP_TRY(lost(cx, "timing", cudaEventCreate(&d->event[d->events])));
	}
	return lost(cx, "timing", cudaEventRecord(d->event[i], d->stream));
}

static int
cuda_stamps(struct bp_ctx *cx, int n, double *at)
{
	struct bp_cuda *d = dev(cx);
	float ms;

	BP_TRY(lost(cx, "timing", cudaStreamSynchronize(d->stream)));
	for (int i = 0; i < n; i++) { /* from one to the next, as a float of milliseconds is coarse */
		BP_TRY(lost(cx, "timing", cudaEventElapsedTime(&ms, d->event[i ? i - 1 : 0], d->event[i])));
		at[i] = (i ? at[i - 1] : 0) + 1e-3 * ms;
	}
	return BP_OK;
}

static int64_t
cuda_reached(struct bp_ctx *cx, int64_t now)
{
	struct bp_cuda *d = dev(cx);

	if (now <= d->noted) /* a new count */
		d->noted = d->reached = 0;
	if (!d->tick && cudaEventCreateWithFlags(&d->tick, cudaEventDisableTiming) != cudaSuccess)
		return 0;
	if (d->noted == 0 || cudaEventQuery(d->tick) == cudaSuccess) {
		d->reached = d->noted;
		if (cudaEventRecord(d->tick, d->stream) == cudaSuccess)
			d->noted = now;
	}
	return d->reached;
}

static bool
recording(const struct bp_cuda *d)
{
	cudaStreamCaptureStatus st = cudaStreamCaptureStatusNone;

	return cudaStreamIsCapturing(d->main, &st) == cudaSuccess && st == cudaStreamCaptureStatusActive;
}

/* A recording gets a branch, which is last where blocks wait for room on the card's processors. The stream itself is never given work: once two streams
 * of a process have had some, each launch takes 0.3 us more (seen on an H200; recordings of several branches do not do that). */
static int
branch(struct bp_ctx *cx)
{
	struct bp_cuda *d = dev(cx);
	int last, first;

	if (!d->aside) {
		BP_TRY(lost(cx, "work aside", cudaDeviceGetStreamPriorityRange(&last, &first)));
		BP_TRY(lost(cx, "work aside", cudaEventCreateWithFlags(&d->before, cudaEventDisableTiming)));
		BP_TRY(lost(cx, "work aside", cudaEventCreateWithFlags(&d->done, cudaEventDisableTiming)));
		BP_TRY(lost(cx, "work aside", cudaStreamCreateWithPriority(&d->aside, cudaStreamNonBlocking, last)));
	}
	BP_TRY(lost(cx, "work aside", cudaEventRecord(d->before, d->main)));
	BP_TRY(lost(cx, "work aside", cudaStreamWaitEvent(d->aside, d->before, 0)));
	d->stream = d->aside;
	return BP_OK;
}

static int
turn_back(struct bp_ctx *cx)
{
	struct bp_cuda *d = dev(cx);
	const bool branched = d->stream != d->main;

	d->stream = d->main;
	if (!cx->dry)
		bp_products_turn(d->products, false, 0);
	return branched ? lost(cx, "work aside", cudaEventRecord(d->done, d->aside)) : BP_OK;
}

static int
cuda_turn(struct bp_ctx *cx, void *room, size_t bytes, double share)
{
	struct bp_cuda *d = dev(cx);

	if (!room) {
		d->used = d->main_used, d->cap = d->main_cap;
		return turn_back(cx);
	}
	if (!cx->dry && recording(d))
		BP_TRY(branch(cx));
	if (!cx->dry && !bp_products_turn(d->products, true, share < 1 ? (int)(share * d->processors) : 0)) {
		BP_TRY(turn_back(cx));
		return BP_FAIL(cx->err, BP_EMEM, NULL, "cuda:%d: no memory for matrix products aside", cx->device_index);
	}
	d->main_used = d->used, d->main_cap = d->cap;
	d->used = (CUdeviceptr)room - d->base, d->cap = d->used + bytes;
	return BP_OK;
}

static int
cuda_join(struct bp_ctx *cx)
{
	struct bp_cuda *d = dev(cx);

	return cx->dry || !recording(d) ? BP_OK : lost(cx, "work aside", cudaStreamWaitEvent(d->main, d->done, 0));
}

/* KiB a block at the published widths in bf16, of the rows that want more than the 99 of compute capability 8.6 and 8.9 (8.0: 163,
 * 9.0 and 10.0: 227): bp_big_shared's arguments */
static const struct {
	const char *op;
	int kib;
} wants[] = { { "tri_attn", 140 }, { "tri_mul", 142 } };

bool
bp_cuda_fits(const struct bp_ctx *cx, const char *op)
{
	for (size_t i = 0; i < sizeof wants / sizeof *wants && cx->precision == BP_BF16_MM; i++)
		if (!strcmp(wants[i].op, op))
			return wants[i].kib <= dev(cx)->shared >> 10;
	return true;
}

static const struct bp_memory memory = { cuda_alloc, cuda_mark, cuda_release, cuda_peak, cuda_peak_reset, cuda_rehearse, cuda_rehearsed, cuda_free,
	cuda_upload, cuda_feed, cuda_settle, cuda_download, cuda_copy, cuda_zero, cuda_stamp, cuda_stamps, bp_cuda_record,
	bp_cuda_recorded, bp_cuda_replay, bp_cuda_forget, cuda_reached, bp_cuda_attach, cuda_idle, cuda_trim, cuda_turn, cuda_join };

int
bp_cuda_open(struct bp_ctx *cx, size_t cap, struct bp_err *err)
{
	double start = bp_seconds(), driver;
	int n = 0;
	cudaError_t e = cudaGetDeviceCount(&n);
	int st, last, first;

	if (e != cudaSuccess || n == 0)
		return BP_FAIL(err, BP_EUNSUP, "take --device cpu", "no usable NVIDIA card: %s", e ? cudaGetErrorString(e) : "none found");
	if (cx->device_index >= n)
		return BP_FAIL(err, BP_EUSAGE, NULL, "cuda:%d given, this machine has %d card%s", cx->device_index, n, n == 1 ? "" : "s");
	cx->memory = &memory;
	if (!(cx->dev = calloc(1, sizeof(struct bp_cuda))))
		return BP_FAIL(err, BP_EMEM, NULL, "no memory for a device");
	if ((e = cudaSetDevice(cx->device_index)) != cudaSuccess || (e = cudaFree(0)) != cudaSuccess
	    || (e = cudaDeviceGetAttribute(&dev(cx)->processors, cudaDevAttrMultiProcessorCount, cx->device_index)) != cudaSuccess
	    || (e = cudaDeviceGetAttribute(&dev(cx)->shared, cudaDevAttrMaxSharedMemoryPerBlockOptin, cx->device_index)) != cudaSuccess
	    || (e = cudaDeviceGetStreamPriorityRange(&last, &first)) != cudaSuccess
	    || (e = cudaStreamCreateWithPriority(&dev(cx)->main, cudaStreamNonBlocking, first)) != cudaSuccess)
		st = BP_FAIL(err, BP_EUNSUP, "take --device cpu", "cuda:%d: %s", cx->device_index, cudaGetErrorString(e));
	else if (driver = bp_seconds(), dev(cx)->stream = dev(cx)->main, (st = open_memory(cx, cap, err)) == BP_OK
	    && (st = bp_products_open(&dev(cx)->products, cx->device_index, err)) == BP_OK)
		bp_log(BP_LOG_INFO, "cuda:%d: driver %.3f s, cuBLAS %.3f s", cx->device_index, driver - start, bp_seconds() - driver);
	if (st != BP_OK)
		bp_cuda_close(cx);
	return st;
}

int
bp_cuda_open_dry(struct bp_ctx *cx, struct bp_err *err)
{
	int n = 0;

	cx->memory = &memory;
	if (!(cx->dev = calloc(1, sizeof(struct bp_cuda))))
		return BP_FAIL(err, BP_EMEM, NULL, "no memory for a device");
	dev(cx)->cap = SIZE_MAX;
	dev(cx)->base = ALIGN; /* nothing is at these addresses, and none is NULL */
	if (cudaGetDeviceCount(&n) != cudaSuccess || cx->device_index >= n || cudaSetDevice(cx->device_index) != cudaSuccess
	    || cudaDeviceGetAttribute(&dev(cx)->processors, cudaDevAttrMultiProcessorCount, cx->device_index) != cudaSuccess
	    || cudaDeviceGetAttribute(&dev(cx)->shared, cudaDevAttrMaxSharedMemoryPerBlockOptin, cx->device_index) != cudaSuccess) {
		dev(cx)->processors = 132;
		dev(cx)->shared = 227 << 10;
	}
	return BP_OK;
}

void
bp_cuda_close(struct bp_ctx *cx)
{
	struct bp_cuda *d = dev(cx);

	if (!d)
		return;
	bp_feed_close(&d->feed);
	if (d->main)
		cudaStreamSynchronize(d->main);
	if (d->aside) {
		cudaStreamDestroy(d->aside);
		cudaEventDestroy(d->before);
		cudaEventDestroy(d->done);
	}
	for (int i = 0; i < d->events; i++)
		cudaEventDestroy(d->event[i]);
	free(d->event);
	for (int i = 0; i < 2; i++)
		if (d->stage[i]) {
			cudaFreeHost(d->stage[i]);
			cudaEventDestroy(d->stage_done[i]);
		}
	bp_products_close(d->products);
	if (d->tick)
		cudaEventDestroy(d->tick);
	for (size_t i = 0; i < d->handles; i++) {
		d->mem_unmap(d->base + i * d->chunk, d->chunk);
		d->mem_release(d->handle[i]);
	}
	if (d->range)
		d->mem_free(d->base, d->range);
	if (d->main)
		cudaStreamDestroy(d->main);
	free(d->handle);
	free(d);
	cx->dev = NULL;
}
