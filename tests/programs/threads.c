/* POSIX threads: create and join, locks, conditions, barriers, thread-local storage, signals to one thread, their end. */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define THREADS 4

static int rounds = 36;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static void all(void *(*body)(void *), const char *name) {
  pthread_t threads[THREADS];
  long sum = 0;
  for (long n = 0; n < THREADS; n++) {
    int error = pthread_create(&threads[n], NULL, body, (void *)n);
    if (error != 0) {
      printf("%s: pthread_create: error %d\n", name, error);
      exit(1);
    }
  }
  for (int n = 0; n < THREADS; n++) {
    void *result;
    pthread_join(threads[n], &result);
    sum += (long)result;
  }
  printf("%s: the threads returned %ld\n", name, sum);
}

static long counter;
static atomic_long atomic_counter;
static void *count(void *number) {
  for (int n = 0; n < rounds; n++) {
    pthread_mutex_lock(&lock);
    long value = counter;
    if (n % 8 == 0) sched_yield();
    counter = value + 1;
    pthread_mutex_unlock(&lock);
    atomic_fetch_add(&atomic_counter, 2);
  }
  return (void *)((long)number + 10);
}

/* each thread waits for its turn: the wakeups go around a ring */
static int turn;
static void *ring(void *number) {
  for (int n = 0; n < rounds / 4; n++) {
    pthread_mutex_lock(&lock);
    while (turn % THREADS != (long)number) pthread_cond_wait(&changed, &lock);
    turn++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
  }
  return number;
}

static pthread_barrier_t barrier;
static atomic_int arrived;
static void *phases(void *number) {
  (void)number;
  long early = 0;
  for (int n = 1; n <= rounds / 6; n++) {
    atomic_fetch_add(&arrived, 1);
    pthread_barrier_wait(&barrier);
    early += atomic_load(&arrived) < n * THREADS;
    pthread_barrier_wait(&barrier);
  }
  return (void *)early;
}

static _Thread_local long own = 7;
static _Thread_local char cleared[300];
static pthread_key_t key;
static atomic_int destroyed;
static void destroy(void *value) { atomic_fetch_add(&destroyed, (int)(long)value); }
static void *local(void *number) {
  long dirty = own != 7 || cleared[299] != 0;
  pthread_setspecific(key, (void *)((long)number + 1));
  for (int n = 0; n < rounds; n++) {
    own += (long)number;
    cleared[299]++;
    if (n % 16 == 0) sched_yield();
  }
  errno = (int)(long)number;
  sched_yield();
  return (void *)(dirty * 1000000 + own + errno);
}

static sem_t items, spaces;
static int buffer[3], put_at, get_at;
static void *exchange(void *number) {
  long sum = 0;
  for (int n = 0; n < rounds; n++) {
    int produces = (long)number % 2 == 0;
    sem_wait(produces ? &spaces : &items);
    pthread_mutex_lock(&lock);
    if (produces) buffer[put_at++ % 3] = n;
    else sum += buffer[get_at++ % 3];
    pthread_mutex_unlock(&lock);
    sem_post(produces ? &items : &spaces);
  }
  return (void *)sum;
}

static pthread_rwlock_t guard = PTHREAD_RWLOCK_INITIALIZER;
static volatile long first, second;
static void *readers_and_writer(void *number) {
  long torn = 0;
  for (int n = 0; n < rounds; n++) {
    if (number == NULL) {
      pthread_rwlock_wrlock(&guard);
      first++;
      sched_yield();
      second++;
    } else {
      pthread_rwlock_rdlock(&guard);
      torn += first != second;
    }
    pthread_rwlock_unlock(&guard);
  }
  return (void *)torn;
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static atomic_int initialised;
static void initialise(void) { atomic_fetch_add(&initialised, 1); }
static void *only_once(void *number) {
  (void)number;
  pthread_once(&once, initialise);
  return (void *)(long)atomic_load(&initialised);
}

static sem_t detached_done;
static void *detached(void *unused) {
  sem_post(&detached_done);
  return unused;
}
static void check_detached(void) {
  pthread_attr_t attributes;
  pthread_t thread;
  sem_init(&detached_done, 0, 0);
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN + 16384);
  for (int n = 0; n < 10; n++) {
    if (pthread_create(&thread, &attributes, detached, NULL) != 0) printf("no detached thread\n");
    sem_wait(&detached_done);
  }
  printf("ten detached threads have run\n");
}

static pthread_t handled_by;
static atomic_int handled;
static sem_t ready;
static void handler(int signal) {
  handled_by = pthread_self();
  atomic_fetch_add(&handled, signal);
}
static void *wait_for_signal(void *unused) {
  sem_post(&ready);
  while (atomic_load(&handled) == 0) usleep(100);
  return unused;
}
static void check_signal(void) {
  pthread_t thread;
  struct sigaction action = {.sa_handler = handler};
  sigaction(SIGUSR1, &action, NULL);
  sem_init(&ready, 0, 0);
  pthread_create(&thread, NULL, wait_for_signal, NULL);
  sem_wait(&ready);
  pthread_kill(thread, SIGUSR1);
  pthread_join(thread, NULL);
  printf("signal %d came to %s\n", atomic_load(&handled), pthread_equal(handled_by, thread) ? "its thread" : "another");

  /* to the process: the thread that does not block it takes it */
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  atomic_store(&handled, 0);
  pthread_create(&thread, NULL, wait_for_signal, NULL);
  sem_wait(&ready);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  kill(getpid(), SIGUSR1);
  pthread_join(thread, NULL);
  printf("signal %d to the process came to %s\n", atomic_load(&handled),
         pthread_equal(handled_by, thread) ? "the open thread" : "another");
  pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

/* a handler that was set without SA_RESTART ends sem_wait with EINTR */
static sem_t never;
static int interrupted;
static void *wait_forever(void *unused) {
  sem_post(&ready);
  interrupted = sem_wait(&never) == -1 ? errno : 0;
  return unused;
}
static void check_interrupted(void) {
  pthread_t thread;
  sem_init(&never, 0, 0);
  pthread_create(&thread, NULL, wait_forever, NULL);
  sem_wait(&ready);
  usleep(20000);
  pthread_kill(thread, SIGUSR1);
  pthread_join(thread, NULL);
  printf("sem_wait with a handler: %s\n", interrupted == EINTR ? "EINTR" : "something else");
}

static void check_timeouts(void) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_nsec += 5000000;
  if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
  pthread_mutex_lock(&lock);
  int error = pthread_cond_timedwait(&changed, &lock, &until);
  pthread_mutex_unlock(&lock);
  struct timespec after;
  clock_gettime(CLOCK_REALTIME, &after);
  int late = after.tv_sec > until.tv_sec || (after.tv_sec == until.tv_sec && after.tv_nsec >= until.tv_nsec);
  printf("pthread_cond_timedwait: %s, %s\n", error == ETIMEDOUT ? "ETIMEDOUT" : "no timeout", late ? "in time" : "early");
  error = sem_timedwait(&never, &until);
  printf("sem_timedwait: %s\n", error == -1 && errno == ETIMEDOUT ? "ETIMEDOUT" : "no timeout");
}

static void cleaned(void *flag) { *(int *)flag = 1; }
static int clean;
static void *cancelled(void *unused) {
  pthread_cleanup_push(cleaned, &clean);
  sem_post(&ready);
  for (;;) usleep(1000);
  pthread_cleanup_pop(0);
  return unused;
}
static void check_cancel(void) {
  pthread_t thread;
  void *result;
  pthread_create(&thread, NULL, cancelled, NULL);
  sem_wait(&ready);
  pthread_cancel(thread);
  pthread_join(thread, &result);
  printf("cancelled %s, cleaned %d\n", result == PTHREAD_CANCELED ? "yes" : "no", clean);
}

static void *exit_later(void *unused) {
  usleep(2000);
  exit(5);
  return unused;
}
static void *spin(void *unused) {
  for (;;) atomic_fetch_add(&arrived, 1);
  return unused;
}

/* the child has one thread and can make more; its end by exit in a thread ends them all */
static void check_fork(int leader_leaves) {
  int status = 0;
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    pthread_t thread;
    pthread_create(&thread, NULL, spin, NULL);
    pthread_create(&thread, NULL, exit_later, NULL);
    if (leader_leaves) pthread_exit(NULL);
    pthread_join(thread, NULL);
    _exit(9);
  }
  waitpid(child, &status, 0);
  printf("child %s: exited %d with %d\n", leader_leaves ? "without leader" : "with leader", WIFEXITED(status),
         WEXITSTATUS(status));
}

/* semaphores in memory that two processes share */
static void check_shared(void) {
  int status;
  sem_t *shared = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  sem_init(&shared[0], 1, 0);
  sem_init(&shared[1], 1, 0);
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    for (int n = 0; n < 5; n++) {
      sem_wait(&shared[0]);
      sem_post(&shared[1]);
    }
    _exit(3);
  }
  for (int n = 0; n < 5; n++) {
    usleep(500);
    sem_post(&shared[0]);
    sem_wait(&shared[1]);
  }
  waitpid(child, &status, 0);
  printf("shared semaphores: the child exited with %d\n", WEXITSTATUS(status));
}

/* blocked by all threads, taken by the one that waits for it */
static void *wait_in_set(void *set) {
  int signal = 0;
  sem_post(&ready);
  sigwait(set, &signal);
  return (void *)(long)signal;
}
static void check_sigwait(void) {
  pthread_t thread;
  void *result;
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  pthread_create(&thread, NULL, wait_in_set, &set);
  sem_wait(&ready);
  kill(getpid(), SIGUSR2);
  pthread_join(thread, &result);
  printf("sigwait: %ld\n", (long)result);
}

int main(int argc, char **argv) {
  rounds *= argc > 1 ? atoi(argv[1]) : 1;
  all(count, "mutex");
  printf("counters %ld %ld\n", counter, atomic_load(&atomic_counter));
  all(ring, "condition");
  printf("turn %d\n", turn);
  pthread_barrier_init(&barrier, NULL, THREADS);
  all(phases, "barrier");
  pthread_key_create(&key, destroy);
  all(local, "thread-local");
  printf("own %ld, destroyed %d\n", own, atomic_load(&destroyed));
  sem_init(&items, 0, 0);
  sem_init(&spaces, 0, 3);
  all(exchange, "semaphores");
  all(readers_and_writer, "rwlock");
  all(only_once, "once");
  check_detached();
  check_signal();
  check_interrupted();
  check_timeouts();
  check_cancel();
  check_shared();
  check_sigwait();
  check_fork(0);
  check_fork(1);
  return 0;
}
