#include "postgres/rows.hpp"

#include <libpq-fe.h>

#include <bit>

#include "core/result.hpp"

namespace baton::postgres {
namespace {

const PGresult* of(const void* result) { return static_cast<const PGresult*>(result); }

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<unsigned char>(byte);
  return value;
}

std::int64_t integer(std::string_view bytes) {
  const auto value = big_endian(bytes);
  switch (bytes.size()) {
    case 0: return 0;
    case 2: return static_cast<std::int16_t>(value);
    case 4: return static_cast<std::int32_t>(value);
    case 8: return static_cast<std::int64_t>(value);
    default: BATON_UNREACHABLE();
  }
}

constexpr Oid jsonb_type = 3802;

}  // namespace

Rows::Rows(std::shared_ptr<const void> result) : result_(std::move(result)), size_(PQntuples(of(result_.get()))) {}

bool Row::is_null() const { return PQgetisnull(of(result_), row_, column_) != 0; }

std::string_view Row::bytes() {
  const auto* result = of(result_);
  BATON_ASSERT(column_ < PQnfields(result));
  const std::string_view bytes(PQgetvalue(result, row_, column_), static_cast<std::size_t>(PQgetlength(result, row_, column_)));
  ++column_;
  return bytes;
}

std::int64_t Row::number() { return integer(bytes()); }

bool Row::truth() {
  const auto value = bytes();
  return !value.empty() && value.front() != '\0';
}

double Row::real() {
  const auto value = bytes();
  if (value.empty()) return 0;
  BATON_ASSERT(value.size() == 8);
  return std::bit_cast<double>(big_endian(value));
}

std::string_view Row::text() {
  const bool is_jsonb = PQftype(of(result_), column_) == jsonb_type;
  auto value = bytes();
  if (is_jsonb && !value.empty()) value.remove_prefix(1);  // the version of its format
  return value;
}

Instant Row::instant() {
  const auto value = bytes();
  if (value.empty()) return {};
  BATON_ASSERT(value.size() == 8);
  return Instant(std::chrono::sys_days(std::chrono::year(2000) / 1 / 1)) + std::chrono::microseconds(integer(value));
}

#define SOME(type, read) \
  if (is_null()) {       \
    skip();              \
    return std::nullopt; \
  }                      \
  return std::optional<type>(read)
std::optional<std::int64_t> Row::some_number() { SOME(std::int64_t, number()); }
std::optional<std::int32_t> Row::some_small_number() { SOME(std::int32_t, small_number()); }
std::optional<double> Row::some_real() { SOME(double, real()); }
std::optional<std::string_view> Row::some_text() { SOME(std::string_view, text()); }
std::optional<Instant> Row::some_instant() { SOME(Instant, instant()); }
#undef SOME

}  // namespace baton::postgres
