//! Base field arithmetic in eight lanes, for processors with AVX-512 IFMA (52-bit multiply-add).
//!
//! p    the order of the base field, 2^380 < p < 2^381
//! L    eight elements, one per lane, as eight limbs of 52 bits: integers below 2^416, usually below 4p
//!
//! Elements have blst's Montgomery form, a 2^384. A reduction by eight limbs divides by 2^416, so products
//! take one operand times 2^32: `(a 2^384 2^32)(b 2^384) 2^-416 = (a b) 2^384`. For operands below αp and βp,
//! where α < 2^384 / p = 9.84, the product is below `(αβ / 9.84 + 1) p`. Comments give these bounds.
//!
//! This is the prover's arithmetic: an error here would make proofs that every verifier refuses. Verifiers
//! compute with blst alone.

use std::arch::x86_64::{
    __m512i, __mmask8, _mm512_add_epi64, _mm512_and_si512, _mm512_cmpeq_epi64_mask, _mm512_cmplt_epi64_mask,
    _mm512_load_si512, _mm512_madd52hi_epu64, _mm512_madd52lo_epu64, _mm512_mask_blend_epi64,
    _mm512_mask_storeu_epi64, _mm512_maskz_loadu_epi64, _mm512_or_si512, _mm512_permutex2var_epi64,
    _mm512_set1_epi64, _mm512_setr_epi64, _mm512_setzero_si512, _mm512_shuffle_i64x2, _mm512_slli_epi64,
    _mm512_srai_epi64, _mm512_srli_epi64, _mm512_store_si512, _mm512_sub_epi64, _mm512_unpackhi_epi64,
    _mm512_unpacklo_epi64, _mm512_xor_si512,
};

use crate::field::Fp;

const LIMBS: usize = 8;
const LIMB_BITS: u32 = 52;
const LIMB_MASK: i64 = (1 << LIMB_BITS) - 1;
/// Words of 64 bits of an element in memory.
const WORDS: usize = 6;

/// p.
const ORDER: [i64; LIMBS] = [
    0xe_ffff_ffff_aaab,
    0xf_eb15_3fff_fb9f,
    0x6_b0f6_241e_abff,
    0x1_2bf6_730d_2a0f,
    0x7_6477_4b84_f385,
    0x1_ba7b_6434_bacd,
    0x1_ea39_7fe6_9a4b,
    0x1_a011,
];
/// -p^-1 modulo 2^52.
const NEGATED_INVERSE: i64 = 0x3_fffc_fffc_fffd;

/// Eight elements.
#[derive(Clone, Copy)]
pub struct Lanes([__m512i; LIMBS]);

/// Eight elements in memory.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub struct StoredLanes([[u64; 8]; LIMBS]);

impl StoredLanes {
    pub const ZERO: Self = Self([[0; 8]; LIMBS]);

    #[target_feature(enable = "avx512f,avx512ifma")]
    #[inline]
    pub fn load(&self) -> Lanes {
        // SAFETY: every limb has 64 bytes and is aligned to as many.
        Lanes(std::array::from_fn(|i| unsafe { _mm512_load_si512(self.0[i].as_ptr().cast()) }))
    }

    #[target_feature(enable = "avx512f,avx512ifma")]
    #[inline]
    pub fn store(&mut self, lanes: &Lanes) {
        for (limb, register) in self.0.iter_mut().zip(lanes.0) {
            // SAFETY: as above.
            unsafe { _mm512_store_si512(limb.as_mut_ptr().cast(), register) };
        }
    }
}

#[target_feature(enable = "avx512f,avx512ifma")]
#[inline]
fn broadcast(limbs: [i64; LIMBS]) -> [__m512i; LIMBS] {
    limbs.map(|limb| _mm512_set1_epi64(limb))
}

/// `multiple * p`, limb by limb: limbs of up to 55 bits.
#[target_feature(enable = "avx512f,avx512ifma")]
#[inline]
fn order_times(multiple: i64) -> [__m512i; LIMBS] {
    broadcast(ORDER.map(|limb| multiple * limb))
}

/// Brings all limbs but the top one to 52 bits; limbs may be negative, the whole may not.
#[target_feature(enable = "avx512f,avx512ifma")]
#[inline]
fn carry(mut limbs: [__m512i; LIMBS]) -> Lanes {
    let mask = _mm512_set1_epi64(LIMB_MASK);
    for i in 0..LIMBS - 1 {
        limbs[i + 1] = _mm512_add_epi64(limbs[i + 1], _mm512_srai_epi64::<LIMB_BITS>(limbs[i]));
        limbs[i] = _mm512_and_si512(limbs[i], mask);
    }
    Lanes(limbs)
}

impl Lanes {
    /// One in every lane.
    #[target_feature(enable = "avx512f,avx512ifma")]
    #[inline]
    pub fn one() -> Self {
        Self(broadcast(limbs_of(&Fp::ONE.0.l)))
    }

    /// `self - other + multiple * p`, not negative if `other` is at most `multiple * p`.
    #[target_feature(enable = "avx512f,avx512ifma")]
    #[inline]
    pub fn subtract(&self, other: &Self, multiple: i64) -> Self {
        let offset = order_times(multiple);
        carry(std::array::from_fn(|i| _mm512_sub_epi64(_mm512_add_epi64(self.0[i], offset[i]), other.0[i])))
    }

    /// `self * 2^32`, for elements below 2^384: one operand of a product.
    #[target_feature(enable = "avx512f,avx512ifma")]
    #[inline]
    pub fn shifted(&self) -> Self {
        let mask = _mm512_set1_epi64(LIMB_MASK);
        let mut below = _mm512_setzero_si512();
        Self(self.0.map(|limb| {
            let low = _mm512_and_si512(_mm512_slli_epi64::<32>(limb), mask);
            let shifted = _mm512_or_si512(low, _mm512_srli_epi64::<20>(below));
            below = limb;
            shifted
        }))
    }

    /// `self` where the mask is clear, `other` where it is set.
    #[target_feature(enable = "avx512f,avx512ifma")]
    #[inline]
    pub fn select(&self, mask: __mmask8, other: &Self) -> Self {
        Self(std::array::from_fn(|i| _mm512_mask_blend_epi64(mask, self.0[i], other.0[i])))
    }

    /// `self - multiple * p` where that is not negative.
    #[target_feature(enable = "avx512f,avx512ifma")]
    #[inline]
    fn subtract_once(&self, multiple: i64) -> Self {
        let order = order_times(multiple);
        let difference = carry(std::array::from_fn(|i| _mm512_sub_epi64(self.0[i], order[i])));
        let negative = _mm512_cmplt_epi64_mask(difference.0[LIMBS - 1], _mm512_setzero_si512());
        difference.select(negative, self)
    }

    /// The representative below p of elements below 4p.
    #[target_feature(enable = "avx512f,avx512ifma")]
    #[inline]
    pub fn canonical(&self) -> Self {
        self.subtract_once(2).subtract_once(1)
    }
}

/// Two products side by side: `shifted[k] * other[k]`, where `shifted` are operands times 2^32.
///
/// One product is a chain of additions that wait for each other; a second one fills the gaps.
#[target_feature(enable = "avx512f,avx512ifma")]
#[inline]
pub fn multiply_pairs(shifted: [&Lanes; 2], other: [&Lanes; 2]) -> [Lanes; 2] {
    let zero = _mm512_setzero_si512();
    let order = broadcast(ORDER);
    let negated_inverse = _mm512_set1_epi64(NEGATED_INVERSE);
    // sums[k][j] has weight 2^(52 (i + j)); it grows by less than 4 * 2^52 in each of 8 steps.
    let mut sums = [[zero; LIMBS + 1]; 2];
    for i in 0..LIMBS {
        for k in 0..2 {
            let limb = other[k].0[i];
            for j in 0..LIMBS {
                sums[k][j] = _mm512_madd52lo_epu64(sums[k][j], shifted[k].0[j], limb);
                sums[k][j + 1] = _mm512_madd52hi_epu64(sums[k][j + 1], shifted[k].0[j], limb);
            }
        }
        for sums in &mut sums {
            let factor = _mm512_madd52lo_epu64(zero, sums[0], negated_inverse);
            for j in 0..LIMBS {
                sums[j] = _mm512_madd52lo_epu64(sums[j], factor, order[j]);
                sums[j + 1] = _mm512_madd52hi_epu64(sums[j + 1], factor, order[j]);
            }
            // The lowest 52 bits are zero now: drop them.
            sums[1] = _mm512_add_epi64(sums[1], _mm512_srli_epi64::<LIMB_BITS>(sums[0]));
            for j in 0..LIMBS {
                sums[j] = sums[j + 1];
            }
            sums[LIMBS] = zero;
        }
    }
    sums.map(|sums| carry(std::array::from_fn(|j| sums[j])))
}

/// The 52-bit limbs of an element in memory.
fn limbs_of(words: &[u64; WORDS]) -> [i64; LIMBS] {
    std::array::from_fn(|i| {
        let (word, shift) = (LIMB_BITS as usize * i / 64, LIMB_BITS as usize * i % 64);
        let low = words[word] >> shift;
        let high = if shift > 12 && word + 1 < WORDS { words[word + 1] << (64 - shift) } else { 0 };
        ((low | high) as i64) & LIMB_MASK
    })
}

/// Eight elements from memory, and in which lanes they equal those of `other`.
pub struct Words([__m512i; WORDS]);

impl Words {
    #[target_feature(enable = "avx512f,avx512ifma")]
    #[inline]
    pub fn load(elements: [&Fp; 8]) -> Self {
        let rows = elements.map(|element| {
            // SAFETY: reads the six words of an element; masked words are not touched.
            unsafe { _mm512_maskz_loadu_epi64(0x3f, element.0.l.as_ptr().cast()) }
        });
        let columns = transpose(rows);
        Self(std::array::from_fn(|i| columns[i]))
    }

    /// Writes canonical elements.
    #[target_feature(enable = "avx512f,avx512ifma")]
    #[inline]
    pub fn rows(&self) -> [__m512i; 8] {
        let zero = _mm512_setzero_si512();
        transpose(std::array::from_fn(|i| if i < WORDS { self.0[i] } else { zero }))
    }

    #[target_feature(enable = "avx512f,avx512ifma")]
    #[inline]
    pub fn equal(&self, other: &Self) -> __mmask8 {
        let zero = _mm512_setzero_si512();
        let difference =
            (0..WORDS).fold(zero, |bits, i| _mm512_or_si512(bits, _mm512_xor_si512(self.0[i], other.0[i])));
        _mm512_cmpeq_epi64_mask(difference, zero)
    }

    #[target_feature(enable = "avx512f,avx512ifma")]
    #[inline]
    pub fn is_zero(&self) -> __mmask8 {
        let zero = _mm512_setzero_si512();
        let bits = self.0.into_iter().fold(zero, |bits, word| _mm512_or_si512(bits, word));
        _mm512_cmpeq_epi64_mask(bits, zero)
    }

    #[target_feature(enable = "avx512f,avx512ifma")]
    #[inline]
    pub fn to_lanes(&self) -> Lanes {
        let w = &self.0;
        let mask = _mm512_set1_epi64(LIMB_MASK);
        let limbs = [
            w[0],
            _mm512_or_si512(_mm512_srli_epi64::<52>(w[0]), _mm512_slli_epi64::<12>(w[1])),
            _mm512_or_si512(_mm512_srli_epi64::<40>(w[1]), _mm512_slli_epi64::<24>(w[2])),
            _mm512_or_si512(_mm512_srli_epi64::<28>(w[2]), _mm512_slli_epi64::<36>(w[3])),
            _mm512_or_si512(_mm512_srli_epi64::<16>(w[3]), _mm512_slli_epi64::<48>(w[4])),
            _mm512_srli_epi64::<4>(w[4]),
            _mm512_or_si512(_mm512_srli_epi64::<56>(w[4]), _mm512_slli_epi64::<8>(w[5])),
            _mm512_srli_epi64::<44>(w[5]),
        ];
        Lanes(limbs.map(|limb| _mm512_and_si512(limb, mask)))
    }

    /// From elements below 2^384.
    #[target_feature(enable = "avx512f,avx512ifma")]
    #[inline]
    pub fn from_lanes(lanes: &Lanes) -> Self {
        let l = &lanes.0;
        Self([
            _mm512_or_si512(l[0], _mm512_slli_epi64::<52>(l[1])),
            _mm512_or_si512(_mm512_srli_epi64::<12>(l[1]), _mm512_slli_epi64::<40>(l[2])),
            _mm512_or_si512(_mm512_srli_epi64::<24>(l[2]), _mm512_slli_epi64::<28>(l[3])),
            _mm512_or_si512(_mm512_srli_epi64::<36>(l[3]), _mm512_slli_epi64::<16>(l[4])),
            _mm512_or_si512(
                _mm512_srli_epi64::<48>(l[4]),
                _mm512_or_si512(_mm512_slli_epi64::<4>(l[5]), _mm512_slli_epi64::<56>(l[6])),
            ),
            _mm512_or_si512(_mm512_srli_epi64::<8>(l[6]), _mm512_slli_epi64::<44>(l[7])),
        ])
    }
}

/// Stores one canonical element, a row of `Words::rows`.
#[target_feature(enable = "avx512f,avx512ifma")]
#[inline]
pub fn store_row(row: __m512i, element: &mut Fp) {
    // SAFETY: writes the six words of an element; masked words are not touched.
    unsafe { _mm512_mask_storeu_epi64(element.0.l.as_mut_ptr().cast(), 0x3f, row) };
}

/// The transposed 8 x 8 matrix of words.
#[target_feature(enable = "avx512f,avx512ifma")]
#[inline]
fn transpose(rows: [__m512i; 8]) -> [__m512i; 8] {
    // Pairs of rows: words 0 2 4 6 (even) and 1 3 5 7 (odd) of both, alternating.
    let even: [__m512i; 4] = std::array::from_fn(|i| _mm512_unpacklo_epi64(rows[2 * i], rows[2 * i + 1]));
    let odd: [__m512i; 4] = std::array::from_fn(|i| _mm512_unpackhi_epi64(rows[2 * i], rows[2 * i + 1]));
    let [c0, c2, c4, c6] = transpose_blocks(even);
    let [c1, c3, c5, c7] = transpose_blocks(odd);
    [c0, c1, c2, c3, c4, c5, c6, c7]
}

/// The transposed 4 x 4 matrix of pairs of words.
#[target_feature(enable = "avx512f,avx512ifma")]
#[inline]
fn transpose_blocks(rows: [__m512i; 4]) -> [__m512i; 4] {
    let low = _mm512_setr_epi64(0, 1, 8, 9, 4, 5, 12, 13);
    let high = _mm512_setr_epi64(2, 3, 10, 11, 6, 7, 14, 15);
    // Blocks (0, 0'), (2, 2') and (1, 1'), (3, 3') of two rows each.
    let even =
        [_mm512_permutex2var_epi64(rows[0], low, rows[1]), _mm512_permutex2var_epi64(rows[2], low, rows[3])];
    let odd = [
        _mm512_permutex2var_epi64(rows[0], high, rows[1]),
        _mm512_permutex2var_epi64(rows[2], high, rows[3]),
    ];
    [
        _mm512_shuffle_i64x2::<0x44>(even[0], even[1]),
        _mm512_shuffle_i64x2::<0x44>(odd[0], odd[1]),
        _mm512_shuffle_i64x2::<0xee>(even[0], even[1]),
        _mm512_shuffle_i64x2::<0xee>(odd[0], odd[1]),
    ]
}
