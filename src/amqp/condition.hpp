/// Something that coroutines of one thread wait for, each with a deadline of its own. Only for .cpp files.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <list>

namespace baton::amqp {

/// Owned, with its owner, by a shared_ptr that each waiting coroutine holds.
class Condition {
 public:
  explicit Condition(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}
  Condition(const Condition&) = delete;
  Condition& operator=(const Condition&) = delete;

  /// All that wait look again.
  void notify_all() {
    for (auto* timer : waiting_) timer->cancel();
  }
  /// Returns after notify_all(), at `until`, or for no reason: the caller looks again.
  boost::asio::awaitable<void> wait_until(boost::asio::steady_timer::time_point until) {
    boost::asio::steady_timer timer(executor_, until);
    const Place place(waiting_, &timer);
    co_await timer.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
  }

 private:
  using Timers = std::list<boost::asio::steady_timer*>;
  struct Place {
    Place(Timers& in, boost::asio::steady_timer* timer) : timers(in), at(in.insert(in.end(), timer)) {}
    ~Place() { timers.erase(at); }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    Timers& timers;
    Timers::iterator at;
  };
  boost::asio::any_io_executor executor_;
  Timers waiting_;
};

}  // namespace baton::amqp
