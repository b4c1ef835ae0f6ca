/// Threads for work that may block; the answer is posted back to the loop.
#pragma once

#include <boost/asio/any_completion_handler.hpp>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace boost::asio {
class io_context;
}

namespace baton {

class BlockingLane {
 public:
  using Done = boost::asio::any_completion_handler<void(std::exception_ptr)>;

  /// @param threads  how many jobs run at a time; they are begun in the order given
  BlockingLane(boost::asio::io_context& io, std::size_t threads) : io_(io), threads_max_(threads) {}
  /// Waits for what has begun; what has not is dropped.
  ~BlockingLane();
  BlockingLane(const BlockingLane&) = delete;
  BlockingLane& operator=(const BlockingLane&) = delete;

  void give(std::function<void()> work, Done done);

 private:
  struct Job {
    std::function<void()> work;
    Done done;
  };
  void start_thread();
  void serve();

  boost::asio::io_context& io_;
  const std::size_t threads_max_;
  std::vector<std::thread> threads_;  // touched by the loop's thread alone
  std::mutex mutex_;                  // guards all below
  std::condition_variable wake_;
  std::deque<Job> jobs_;
  std::size_t idle_ = 0;
  bool stopping_ = false;
};

}  // namespace baton
