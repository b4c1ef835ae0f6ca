#include "core/time_text.hpp"

#include <array>
#include <cstdint>
#include <string_view>

namespace baton::core {

namespace {

std::string padded(std::int64_t number, std::size_t width) {
  auto text = std::to_string(number);
  if (text.size() < width) text.insert(0, width - text.size(), '0');
  return text;
}

}  // namespace

std::string to_text(Instant time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  return padded(static_cast<int>(date.year()), 4) + '-' + padded(static_cast<unsigned>(date.month()), 2) + '-' +
         padded(static_cast<unsigned>(date.day()), 2) + 'T' + padded(clock.hours().count(), 2) + ':' +
         padded(clock.minutes().count(), 2) + ':' + padded(clock.seconds().count(), 2) + '.' +
         padded(clock.subseconds().count(), 6) + 'Z';
}

std::string to_text(Duration duration) {
  struct Unit {
    std::int64_t microseconds;
    std::string_view name;
  };
  constexpr std::array<Unit, 5> units{
      {{86'400'000'000, " d"}, {3'600'000'000, " h"}, {60'000'000, " min"}, {1'000'000, " s"}, {1'000, " ms"}}};
  const auto rest = duration.count();
  for (std::size_t i = 0; i + 1 < units.size(); ++i) {
    const auto count = rest / units[i].microseconds;
    if (count < 1) continue;
    auto text = std::to_string(count) + std::string(units[i].name);
    const auto next = rest % units[i].microseconds / units[i + 1].microseconds;
    // Milliseconds beside seconds are noise.
    if (i + 2 < units.size() && next > 0) text += ' ' + std::to_string(next) + std::string(units[i + 1].name);
    return text;
  }
  return std::to_string(rest > 0 ? rest / units.back().microseconds : 0) + std::string(units.back().name);
}

}  // namespace baton::core
