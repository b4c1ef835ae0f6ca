#include "postgres/parameters.hpp"

#include <bit>
#include <cstring>

namespace baton::postgres {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";  // U+FFFD

template <class T>
void put(std::string& out, T value) {
  char bytes[sizeof(T)];
  for (std::size_t i = 0; i < sizeof(T); ++i) bytes[i] = static_cast<char>(value >> (8 * (sizeof(T) - 1 - i)));
  out.append(bytes, sizeof(T));
}

// The length of the UTF-8 sequence at the beginning of `text`; 0: there is none that PostgreSQL takes.
std::size_t sequence_length(std::string_view text) {
  const auto at = [text](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto first = at(0);
  const auto continues = [&](std::size_t i) { return (at(i) & 0xC0U) == 0x80U; };
  if (first < 0x80) return first == 0 ? 0 : 1;
  if (first >= 0xC2 && first <= 0xDF) return continues(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const bool overlong = first == 0xE0 && at(1) < 0xA0;
    const bool surrogate = first == 0xED && at(1) > 0x9F;
    return continues(1) && continues(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const bool overlong = first == 0xF0 && at(1) < 0x90;
    const bool beyond = first == 0xF4 && at(1) > 0x8F;
    return continues(1) && continues(2) && continues(3) && !overlong && !beyond ? 4 : 0;
  }
  return 0;
}

}  // namespace

std::vector<const char*> Parameters::pointers() const {
  std::vector<const char*> pointers;
  pointers.reserve(values_.size());
  for (const auto& value : values_) pointers.push_back(value.null ? nullptr : bytes_.data() + value.begin);
  return pointers;
}

std::vector<int> Parameters::lengths() const {
  std::vector<int> lengths;
  lengths.reserve(values_.size());
  for (const auto& value : values_) lengths.push_back(static_cast<int>(value.length));
  return lengths;
}

void Parameters::encode(std::int64_t value) { put(bytes_, static_cast<std::uint64_t>(value)); }
void Parameters::encode(std::int32_t value) { put(bytes_, static_cast<std::uint32_t>(value)); }
void Parameters::encode(bool value) { bytes_ += value ? '\1' : '\0'; }
void Parameters::encode(double value) { put(bytes_, std::bit_cast<std::uint64_t>(value)); }
void Parameters::encode(Instant value) {
  constexpr Instant epoch = std::chrono::sys_days(std::chrono::year(2000) / 1 / 1);
  encode(std::int64_t{(value - epoch).count()});
}

void Parameters::encode(std::string_view value) {
  while (!value.empty()) {
    std::size_t good = 0;
    while (good < value.size()) {
      const auto length = sequence_length(value.substr(good));
      if (length == 0) break;
      good += length;
    }
    bytes_ += value.substr(0, good);
    value.remove_prefix(good);
    if (value.empty()) return;
    bytes_ += replacement;
    value.remove_prefix(1);
  }
}

void Parameters::begin_array(std::size_t size, std::int32_t type) {
  encode(std::int32_t{size == 0 ? 0 : 1});  // dimensions
  encode(std::int32_t{0});                  // flags: whether there are NULLs is not looked at
  encode(type);
  if (size == 0) return;
  encode(static_cast<std::int32_t>(size));
  encode(std::int32_t{1});  // the first has number 1
}

void Parameters::set_length(std::size_t at) {
  const auto length = static_cast<std::uint32_t>(bytes_.size() - at - 4);
  for (std::size_t i = 0; i < 4; ++i) bytes_[at + i] = static_cast<char>(length >> (8 * (3 - i)));
}

}  // namespace baton::postgres
