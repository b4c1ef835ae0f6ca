/// Baton's end of the line to the keeper: connects, starts a keeper where none answers, connects again when one is lost.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "backend/local/messages.hpp"
#include "ports/runtime.hpp"

namespace baton::local {

struct LinkOptions {
  std::string state;                ///< the state directory, absolute
  std::vector<std::string> keeper;  ///< command of a new keeper; `--state DIR` is added; its socket is descriptor 3
};

/// All handlers are called on the executor's thread, never from within `send` or `start`.
class Link : public std::enable_shared_from_this<Link> {
 public:
  struct Handlers {
    std::function<std::string()> up;  ///< connected: what is said first (frames); it ends with something that is answered
    std::function<void(Response)> heard;
    std::function<bool()> down;  ///< lost, or not got: whether to connect again by itself
  };
  Link(boost::asio::any_io_executor executor, Runtime& runtime, LinkOptions options, Handlers handlers);
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  /// Connects if it has not begun to.
  void start();
  /// Whether a keeper is connected and has answered.
  [[nodiscard]] bool is_up() const;
  /// While it is down, what the last keeper that we started said of it; empty: nothing.
  [[nodiscard]] std::string why_down() const;
  /// False: not within `limit`.
  awaitable<bool> wait_up(core::Duration limit);
  /// Sends with all else that is said in this turn of the loop. Dropped while the line is down.
  void send(const Request& request);
  /// Closes the line at once; no handler is called any more.
  void close();

 private:
  struct Parts;
  static awaitable<void> keep(std::shared_ptr<Link> self);
  awaitable<bool> connect();
  bool connect_to_living();
  bool start_keeper();
  awaitable<void> read();
  void answered();
  static awaitable<void> write_all(std::shared_ptr<Link> self);
  void flush();
  void reap();

  std::unique_ptr<Parts> parts_;
};

}  // namespace baton::local
