/// SIGINT, SIGTERM and SIGHUP as calls on the loop.
#pragma once

#include <functional>
#include <memory>

#include <boost/asio/io_context.hpp>

namespace baton {

class InterruptSignals {
 public:
  explicit InterruptSignals(boost::asio::io_context& io) : io_(io) {}
  ~InterruptSignals();
  InterruptSignals(const InterruptSignals&) = delete;
  InterruptSignals& operator=(const InterruptSignals&) = delete;

  /// From the first call on these signals do not end the process. One that was ignored when the process began (nohup) stays ignored.
  void on_interrupt(std::function<void()> told);

 private:
  struct State;
  static void wait(std::shared_ptr<State> state);
  boost::asio::io_context& io_;
  std::shared_ptr<State> state_;
};

}  // namespace baton
