#include "amqp/codec.hpp"

#include "core/result.hpp"

namespace baton::amqp {
namespace {

constexpr std::size_t payload_bytes_max = 128 * 1024;

template <class Integer>
void put(std::string& out, Integer value) {
  for (std::size_t i = sizeof(Integer); i-- > 0;) out += static_cast<char>((value >> (8 * i)) & 0xff);
}

// Encodes into a buffer that grows: librabbitmq only says that it did not fit.
template <class Encode>
std::string grown(Encode encode) {
  for (std::size_t size = 512; size <= payload_bytes_max; size *= 4) {
    std::string payload(size, '\0');
    const int used = encode(amqp_bytes_t{payload.size(), payload.data()});
    if (used >= 0) {
      payload.resize(static_cast<std::size_t>(used));
      return payload;
    }
  }
  BATON_UNREACHABLE();
}

}  // namespace

const Value* find(const Table& table, std::string_view name) {
  for (const auto& [key, value] : table) {
    if (key == name) return &value;
  }
  return nullptr;
}

std::int64_t death_count(const Table& headers) {
  const auto* deaths = find(headers, "x-death");
  const auto* array = deaths == nullptr ? nullptr : std::get_if<Array>(&deaths->is);
  const auto* first = array == nullptr || array->empty() ? nullptr : std::get_if<Table>(&array->front().is);
  const auto* count = first == nullptr ? nullptr : find(*first, "count");
  const auto* number = count == nullptr ? nullptr : std::get_if<std::int64_t>(&count->is);
  return number == nullptr ? 0 : *number;
}

amqp_table_t EncodedTable::encode(const Table& table) {
  auto& entries = tables_.emplace_back();
  entries.reserve(table.size());
  for (const auto& [key, value] : table) entries.push_back({bytes(key), encode(value)});
  return {static_cast<int>(entries.size()), entries.data()};
}

amqp_field_value_t EncodedTable::encode(const Value& value) {
  amqp_field_value_t out{};
  out.kind = AMQP_FIELD_KIND_VOID;
  if (const auto* flag = std::get_if<bool>(&value.is)) {
    out.kind = AMQP_FIELD_KIND_BOOLEAN;
    out.value.boolean = *flag ? 1 : 0;
  } else if (const auto* number = std::get_if<std::int64_t>(&value.is)) {
    out.kind = AMQP_FIELD_KIND_I64;
    out.value.i64 = *number;
  } else if (const auto* real = std::get_if<double>(&value.is)) {
    out.kind = AMQP_FIELD_KIND_F64;
    out.value.f64 = *real;
  } else if (const auto* string = std::get_if<std::string>(&value.is)) {
    out.kind = AMQP_FIELD_KIND_UTF8;
    out.value.bytes = bytes(*string);
  } else if (const auto* array = std::get_if<Array>(&value.is)) {
    auto& entries = arrays_.emplace_back();
    entries.reserve(array->size());
    for (const auto& each : *array) entries.push_back(encode(each));
    out.kind = AMQP_FIELD_KIND_ARRAY;
    out.value.array = {static_cast<int>(entries.size()), entries.data()};
  } else if (const auto* table = std::get_if<Table>(&value.is)) {
    out.kind = AMQP_FIELD_KIND_TABLE;
    out.value.table = encode(*table);
  }
  return out;
}

static Value decode(const amqp_field_value_t& field, int depth) {
  switch (field.kind) {
    case AMQP_FIELD_KIND_BOOLEAN: return field.value.boolean != 0;
    case AMQP_FIELD_KIND_I8: return std::int64_t{field.value.i8};
    case AMQP_FIELD_KIND_U8: return std::int64_t{field.value.u8};
    case AMQP_FIELD_KIND_I16: return std::int64_t{field.value.i16};
    case AMQP_FIELD_KIND_U16: return std::int64_t{field.value.u16};
    case AMQP_FIELD_KIND_I32: return std::int64_t{field.value.i32};
    case AMQP_FIELD_KIND_U32: return std::int64_t{field.value.u32};
    case AMQP_FIELD_KIND_I64: return field.value.i64;
    case AMQP_FIELD_KIND_U64:
    case AMQP_FIELD_KIND_TIMESTAMP: return static_cast<std::int64_t>(field.value.u64);
    case AMQP_FIELD_KIND_F32: return double{field.value.f32};
    case AMQP_FIELD_KIND_F64: return field.value.f64;
    case AMQP_FIELD_KIND_UTF8:
    case AMQP_FIELD_KIND_BYTES: return text(field.value.bytes);
    case AMQP_FIELD_KIND_TABLE: return depth < table_depth_max ? Value(decode(field.value.table, depth + 1)) : Value();
    case AMQP_FIELD_KIND_ARRAY: {
      Array array;
      if (depth < table_depth_max) {
        for (int i = 0; i < field.value.array.num_entries; ++i) array.push_back(decode(field.value.array.entries[i], depth + 1));
      }
      return array;
    }
    default: return {};
  }
}

Table decode(const amqp_table_t& table, int depth) {
  Table out;
  for (int i = 0; i < table.num_entries; ++i) out.emplace_back(text(table.entries[i].key), decode(table.entries[i].value, depth));
  return out;
}

std::string frame(std::uint8_t type, std::uint16_t channel, std::string_view payload) {
  std::string out;
  out.reserve(payload.size() + 8);
  put(out, type);
  put(out, channel);
  put(out, static_cast<std::uint32_t>(payload.size()));
  out += payload;
  put(out, static_cast<std::uint8_t>(AMQP_FRAME_END));
  return out;
}

std::string method_frame(std::uint16_t channel, amqp_method_number_t id, void* method) {
  std::string payload;
  put(payload, static_cast<std::uint32_t>(id));
  payload += grown([&](amqp_bytes_t into) { return amqp_encode_method(id, method, into); });
  return frame(AMQP_FRAME_METHOD, channel, payload);
}

std::string content_frames(std::uint16_t channel, amqp_basic_properties_t properties, std::string_view body,
                           std::uint32_t frame_bytes_max) {
  std::string header;
  put(header, static_cast<std::uint16_t>(AMQP_BASIC_CLASS));
  put(header, std::uint16_t{0});
  put(header, static_cast<std::uint64_t>(body.size()));
  header += grown([&](amqp_bytes_t into) { return amqp_encode_properties(AMQP_BASIC_CLASS, &properties, into); });
  auto out = frame(AMQP_FRAME_HEADER, channel, header);
  const std::size_t piece = frame_bytes_max - 8;  // a frame has 7 bytes before and 1 behind its payload
  for (std::size_t at = 0; at < body.size(); at += piece) out += frame(AMQP_FRAME_BODY, channel, body.substr(at, piece));
  return out;
}

}  // namespace baton::amqp
