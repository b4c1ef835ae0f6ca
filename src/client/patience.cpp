#include "client/patience.hpp"

#include <algorithm>

namespace baton::client {

void Patience::tries(core::Duration now) {
  if (!trying_since_) trying_since_ = now;
}

void Patience::good() {
  failures_ = 0;
  trying_since_.reset();
  told_ = false;
}

bool Patience::is_news_after(core::Duration limit, core::Duration now) {
  if (told_ || !trying_since_ || now - *trying_since_ <= limit) return false;
  told_ = true;
  return true;
}

std::optional<core::Duration> Patience::failed(core::Duration now, std::uint64_t chance) {
  tries(now);
  if (now - *trying_since_ >= limits_.give_up) return std::nullopt;
  const auto rounds = std::min<std::size_t>(failures_ / servers_, 16);
  ++failures_;
  turn();
  const auto pause = std::min(limits_.longest, limits_.first * (std::int64_t{1} << rounds));
  const auto half = pause / 2;
  const auto more = core::Duration(static_cast<std::int64_t>(chance % static_cast<std::uint64_t>(half.count() + 1)));
  return std::min(half + more, *trying_since_ + limits_.give_up - now);  // the last try is at the end of the time
}

}  // namespace baton::client
