#include "runtime/asio/lane.hpp"

#include <pthread.h>
#include <signal.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

namespace baton {

BlockingLane::~BlockingLane() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void BlockingLane::give(std::function<void()> work, Done done) {
  bool need_thread = false;
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back({std::move(work), std::move(done)});
    need_thread = jobs_.size() > idle_ && threads_.size() < threads_max_;
  }
  if (need_thread) {
    start_thread();
  } else {
    wake_.notify_one();
  }
}

// Signals are the loop's affair: a thread that took SIGCHLD or SIGINT would only have to hand it on.
void BlockingLane::start_thread() {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  threads_.emplace_back([this] { serve(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void BlockingLane::serve() {
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
    --idle_;
    if (stopping_) return;
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();

    std::exception_ptr thrown;
    try {
      job.work();
    } catch (...) {
      thrown = std::current_exception();
    }
    job.work = nullptr;  // what it holds is freed here, before the caller goes on
    boost::asio::post(io_, [done = std::move(job.done), thrown]() mutable { std::move(done)(thrown); });
    lock.lock();
  }
}

}  // namespace baton
