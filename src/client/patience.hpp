/// Which server to ask, how long to wait between two tries, and when to give up. No I/O, no clock.
#pragma once

#include <cstdint>
#include <optional>

#include "core/model.hpp"

namespace baton::client {

class Patience {
 public:
  struct Limits {
    core::Duration first =
        std::chrono::milliseconds(100);  ///< between the tries of the first round over all servers; then doubling
    core::Duration longest = std::chrono::seconds(2);
    core::Duration give_up = std::chrono::seconds(60);  ///< without an answer
  };
  /// @param servers  how many there are; at least one
  Patience(std::size_t servers, Limits limits) : servers_(servers), limits_(limits) {}

  /// Which server to ask next.
  [[nodiscard]] std::size_t server() const { return server_; }
  /// Another server is asked next, although this one has answered.
  void turn() { server_ = (server_ + 1) % servers_; }
  /// A try begins. The time counts from the first one that fails.
  void tries(core::Duration now);
  /// An answer came: this server is asked again, and nothing counts any more.
  void good();
  /// Whether tries have failed for longer than `limit`; true once until an answer comes.
  [[nodiscard]] bool is_news_after(core::Duration limit, core::Duration now);
  /// None came. Gives the pause before the next server is asked; none: it has lasted too long.
  /// @param chance  any 64 bits: spreads the pause over its upper half, so that many clients do not come back together
  [[nodiscard]] std::optional<core::Duration> failed(core::Duration now, std::uint64_t chance);

 private:
  std::size_t servers_;
  Limits limits_;
  std::size_t server_ = 0;
  std::uint32_t failures_ = 0;
  std::optional<core::Duration> trying_since_;
  bool told_ = false;
};

}  // namespace baton::client
