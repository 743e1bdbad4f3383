//! Strict encodings of vectors: 32-byte big-endian scalars, and the ZCash / CFRG form of points.
//!
//! The three top bits of a point are flags: 0x80 compressed, 0x40 identity, 0x20 the larger of the two
//! roots y (compressed form only). Membership of G1 is not checked here.

use blst::BLST_ERROR;

use crate::errors::{DecodingReason, KernelError};
use crate::field::Fr;
use crate::parallel::{fill_chunks, map_ranges};
use crate::point::{self, AffinePoint};

/// Elements per task for cheap conversions (well under 0.1 us each).
const LIGHT_CHUNK: usize = 1 << 11;
/// Elements per task for square roots and hashing to the curve (15 to 60 us each).
const HEAVY_CHUNK: usize = 1 << 4;

/// Decodes elements of `SIZE` bytes; the error is that of the first element at fault.
fn decode<const SIZE: usize, T: Send>(
    data: &[u8],
    chunk: usize,
    element: impl Fn(&[u8; SIZE]) -> Result<T, DecodingReason> + Sync + Send,
) -> Result<Vec<T>, KernelError> {
    let (elements, rest) = data.as_chunks::<SIZE>();
    if !rest.is_empty() {
        return Err(KernelError::Decoding { reason: DecodingReason::Length, index: None });
    }
    let parts = map_ranges(elements.len(), chunk, |range| {
        let located =
            |i| element(&elements[i]).map_err(|reason| KernelError::Decoding { reason, index: Some(i) });
        range.map(located).collect::<Result<Vec<T>, KernelError>>()
    });
    let mut output = Vec::with_capacity(elements.len());
    for part in parts {
        output.append(&mut part?);
    }
    Ok(output)
}

/// Encodes elements as `SIZE` bytes each.
fn encode<const SIZE: usize, T: Sync>(
    values: &[T],
    element: impl Fn(&T) -> [u8; SIZE] + Sync + Send,
) -> Vec<u8> {
    let mut output = vec![0; SIZE * values.len()];
    fill_chunks(&mut output, SIZE * LIGHT_CHUNK, |offset, part| {
        let values = &values[offset / SIZE..];
        for (bytes, value) in part.chunks_exact_mut(SIZE).zip(values) {
            bytes.copy_from_slice(&element(value));
        }
    });
    output
}

/// 32 bytes each, big-endian, canonical.
pub fn scalars_to_bytes(scalars: &[Fr]) -> Vec<u8> {
    encode(scalars, |scalar| scalar.to_be_bytes())
}

/// Strict inverse of `scalars_to_bytes`.
pub fn scalars_from_bytes(data: &[u8]) -> Result<Vec<Fr>, KernelError> {
    decode(data, LIGHT_CHUNK, |bytes| Fr::from_be_bytes(bytes).ok_or(DecodingReason::ScalarRange))
}

/// 64-byte big-endian integers modulo r.
pub fn scalars_from_wide_bytes(data: &[u8]) -> Result<Vec<Fr>, KernelError> {
    decode(data, LIGHT_CHUNK, |bytes| Ok(Fr::from_wide_be_bytes(bytes)))
}

/// 48 bytes each.
pub fn points_to_compressed(points: &[AffinePoint]) -> Vec<u8> {
    encode(points, AffinePoint::to_compressed)
}

/// 96 bytes each.
pub fn points_to_uncompressed(points: &[AffinePoint]) -> Vec<u8> {
    encode(points, AffinePoint::to_uncompressed)
}

/// Strict inverse of `points_to_compressed`.
pub fn points_from_compressed(data: &[u8]) -> Result<Vec<AffinePoint>, KernelError> {
    decode(data, HEAVY_CHUNK, |bytes: &[u8; 48]| {
        if bytes[0] & 0x80 == 0 {
            return Err(DecodingReason::CompressionFlag);
        }
        if bytes[0] & 0x40 != 0 {
            return decode_identity(bytes[0] == 0xc0, &bytes[1..]);
        }
        point::uncompress(bytes).map_err(coordinate_reason)
    })
}

/// Strict inverse of `points_to_uncompressed`; the curve equation is checked.
pub fn points_from_uncompressed(data: &[u8]) -> Result<Vec<AffinePoint>, KernelError> {
    decode(data, LIGHT_CHUNK, |bytes: &[u8; 96]| {
        if bytes[0] & 0x80 != 0 {
            return Err(DecodingReason::CompressionFlagSet);
        }
        if bytes[0] & 0x40 != 0 {
            return decode_identity(bytes[0] == 0x40, &bytes[1..]);
        }
        if bytes[0] & 0x20 != 0 {
            return Err(DecodingReason::SignFlag);
        }
        point::deserialize(bytes).map_err(coordinate_reason)
    })
}

fn decode_identity(only_flags: bool, rest: &[u8]) -> Result<AffinePoint, DecodingReason> {
    if only_flags && rest.iter().all(|&byte| byte == 0) {
        Ok(AffinePoint::IDENTITY)
    } else {
        Err(DecodingReason::IdentityBits)
    }
}

/// With the flags dealt with, blst's only "bad encoding" is a coordinate that is not reduced.
fn coordinate_reason(error: BLST_ERROR) -> DecodingReason {
    match error {
        BLST_ERROR::BLST_BAD_ENCODING => DecodingReason::CoordinateRange,
        _ => DecodingReason::NotOnCurve,
    }
}

/// RFC 9380 `hash_to_curve` of every message.
pub fn hash_to_curve<M: AsRef<[u8]> + Sync>(messages: &[M], domain: &[u8]) -> Vec<AffinePoint> {
    let mut output = vec![AffinePoint::IDENTITY; messages.len()];
    fill_chunks(&mut output, HEAVY_CHUNK, |offset, part| {
        for (point, message) in part.iter_mut().zip(&messages[offset..]) {
            *point = AffinePoint::hash_to_curve(message.as_ref(), domain);
        }
    });
    output
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::point::samples;

    #[test]
    fn points_round_trip_in_both_forms() {
        let points = samples::mixed_points(40);
        assert!(points_from_compressed(&points_to_compressed(&points)) == Ok(points.clone()));
        assert!(points_from_uncompressed(&points_to_uncompressed(&points)) == Ok(points));
    }

    #[test]
    fn the_first_bad_element_is_named() {
        let mut data = points_to_compressed(&samples::subgroup_points(100));
        data[48 * 70] &= 0x7f;
        data[48 * 33] |= 0x40;
        let expected = KernelError::Decoding { reason: DecodingReason::IdentityBits, index: Some(33) };
        assert!(points_from_compressed(&data) == Err(expected));
    }
}
